"""EventBridge: what a bus takes, and its deliveries."""
