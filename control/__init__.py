"""What every program around a deployed control plane shares: the command, the local AWS, tests and benches."""
