"""Serve the API of a tenant's own host: what its visitors and its staff see and ask for."""
