"""Signing in on this machine: an OpenID Connect issuer without passwords; in production, Cognito has its place."""
