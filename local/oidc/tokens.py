"""Sign the development issuer's tokens for its users. Tests mint theirs here, too."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from local.oidc.names import OPERATORS_CLIENT, STAFF_CLIENT

LIFETIME_SECONDS = 3600


@dataclass(frozen=True)
class User:
    """A person who can sign in. claims: what a token says of them, beside who they are."""

    email: str
    words: str
    client: str
    claims: Mapping[str, str]


def operators(base_domain: str) -> list[User]:
    """Return the users who may sign in on the admin host."""
    roles = {"operator": "Operator", "viewer": "Viewer"}
    return [
        User(f"{role}@{base_domain}", words, OPERATORS_CLIENT, {"fluxion_role": role}) for role, words in roles.items()
    ]


def staff(tenant_id: str, base_domain: str) -> list[User]:
    """Return the users who may sign in on a tenant's host."""
    people = {"staff": ("Staff", "staff"), "owner": ("Owner", "admin")}
    return [
        User(f"{name}@{tenant_id}.{base_domain}", words, STAFF_CLIENT, {"tenant": tenant_id, "role": role})
        for name, (words, role) in people.items()
    ]


@dataclass(frozen=True)
class Signer:
    """A signer: the issuer's name and a key made anew with each process, so that earlier tokens are invalid."""

    issuer: str
    key: RSAKey | ECKey = field(default_factory=lambda: RSAKey.generate_key(2048, auto_kid=True))
    now: Callable[[], float] = time.time

    def mint(self, user: User, **changed: Any) -> str:
        """Return an ID token. changed: claims with other values, for tests; None leaves one out."""
        now = int(self.now())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": user.email,
            "aud": user.client,
            "iat": now,
            "nbf": now,
            "exp": now + LIFETIME_SECONDS,
            "email": user.email,
            **user.claims,
            **changed,
        }
        algorithm = "ES256" if isinstance(self.key, ECKey) else "RS256"
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": algorithm, "kid": self.key.kid}, kept, self.key)

    def public_keys(self) -> dict[str, Any]:
        """Return the JSON Web Key Set that verifies the tokens."""
        return dict(KeySet([self.key]).as_dict(private=False))
