"""Sign-in on this machine: an OpenID Connect issuer without passwords, in the place of Cognito."""
