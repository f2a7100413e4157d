"""Each state, and each question, about a tenant's database is a module of its name."""
