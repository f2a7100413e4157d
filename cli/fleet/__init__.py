"""All tenants at once: the schema of their databases, and drift."""
