"""Migrate the databases of all tenants, and show which schema they have and what has drifted."""
