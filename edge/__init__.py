"""What runs at the edge: the CloudFront Function, and how to run the very same file here."""
