"""The code that runs at the edge: the CloudFront Function of the distribution."""

from pathlib import Path

VIEWER_REQUEST = Path(__file__).with_name("viewer_request.js")
