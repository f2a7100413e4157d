"""What programs around a deployed control plane share: its stacks, items and records, a tenant as it is shown."""
