"""The states and questions about a tenant's database, each in a module of its name."""
