"""The tables of the control plane: what is wanted, and what is."""
