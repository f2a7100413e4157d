"""The states that move a tenant from one status to the next, each in a module of its name, and the lease they share."""
