"""The tables of the control plane hold what is wanted, and what is."""
