"""Give `fluxion`, the command of those who run the control plane."""
