"""Serve the sites: find the tenant by its hostname, and answer from its own database."""
