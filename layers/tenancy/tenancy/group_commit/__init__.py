"""A contended system gets one call for all tenants that wait: here are the protocol, and the writers that follow it."""
