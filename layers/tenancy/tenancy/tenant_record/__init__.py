"""Each state that moves a tenant from one status to the next is a module of its name; they share the lease."""
