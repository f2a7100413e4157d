"""The gateway that every AWS call crosses before MiniStack sees it: trace, quotas, validation, faults."""
