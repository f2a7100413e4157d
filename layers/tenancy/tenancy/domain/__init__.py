"""The domain says what tenants are and decides about them: values in, values out. It knows no AWS, files or time."""
