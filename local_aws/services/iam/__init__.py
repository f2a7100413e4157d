"""IAM: condition keys."""
