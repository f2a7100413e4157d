"""The service behind the sites: finds the tenant by its hostname, answers from its own database."""
