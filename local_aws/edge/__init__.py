"""The content delivery network of the local stack: HTTPS, Host → distribution → behaviour → origin, with a cache."""

from local_aws.edge.server import EdgeServer, serve

__all__ = ["EdgeServer", "serve"]
