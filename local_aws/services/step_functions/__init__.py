"""Step Functions: executions, retries, history, logs, roles."""
