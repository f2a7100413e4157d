"""The names that the issuer, the backend and the stack that starts them share."""

PREFIX = "/api/oidc"
"""Where the issuer's addresses begin: the edge hands ``/api/*`` to the backend's process, and nothing else."""

OPERATORS_CLIENT, STAFF_CLIENT = "fluxion-operators", "fluxion-staff"
"""The two kinds of tokens' audiences."""
