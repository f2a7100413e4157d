"""SNS: e-mail subscriptions."""
