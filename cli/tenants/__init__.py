"""Add, change and remove tenants, list them, show one, watch one become live."""
