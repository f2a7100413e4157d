"""What those who run tenants share, at a terminal and in the panel: items, records, and a tenant as it is shown."""
