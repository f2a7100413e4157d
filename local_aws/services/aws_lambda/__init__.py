"""Lambda: execution environments, event sources, concurrency."""
