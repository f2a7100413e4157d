"""What every AWS call crosses before MiniStack sees it: trace, quotas, validation, faults."""
