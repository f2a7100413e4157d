"""Share among the programs around a control plane its stacks, items and records, and a tenant as it is shown."""
