"""What tenants are and what is decided about them: values in, values out. Nothing here knows AWS, files or the time."""
