"""CloudFront: distributions and invalidations."""
