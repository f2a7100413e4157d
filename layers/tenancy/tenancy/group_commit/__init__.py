"""One call to a contended system for all tenants that wait: the protocol, and the three functions that follow it."""
