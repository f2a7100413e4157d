"""Find out who asks: check OpenID Connect tokens with the issuer's public keys.

Keys are fetched when they are first needed and again when they are old, or when a token names one that is not known;
while the issuer does not answer, those that were fetched last go on being good.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from pydantic import BaseModel, ValidationError

from backend.problems import UNAVAILABLE, Problem, Refused
from backend.settings import safe_url

logger = logging.getLogger(__name__)

ALGORITHMS = ("RS256", "ES256")
"""Signatures by a key of which the backend has the public half only. Never HS256, never none."""

_LEEWAY_SECONDS = 30
_KEYS_FRESH_SECONDS = 600.0
_PAUSE_SECONDS = 10.0
_LONGEST_TOKEN = 8192
_TIMEOUT = httpx.Timeout(3.0)


@dataclass(frozen=True)
class Endpoints:
    """Hold the issuer's addresses, as its discovery document says."""

    authorization: str
    token: str
    keys: str


@dataclass(frozen=True)
class Caller:
    """Say whom a token speaks of. The roles are None where it does not say, or says something unknown."""

    subject: str
    email: str | None
    expires_at: float
    fluxion_role: str | None
    tenant: str | None
    role: str | None


class Issuer:
    """Ask the issuer for its keys and endpoints, and check its tokens, in one event loop."""

    def __init__(
        self,
        issuer: str,
        discovery_url: str | None = None,
        *,
        claim_prefix: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.name = issuer
        self._discovery_url = discovery_url or f"{issuer.rstrip('/')}/.well-known/openid-configuration"
        self._claim_prefix = claim_prefix
        self._transport = transport
        self._clock = clock
        self._now = now
        self._endpoints: Endpoints | None = None
        self._keys: KeySet | None = None
        self._fetched_at = float("-inf")
        self._silent_until = float("-inf")
        self._fetching = asyncio.Lock()
        self._renewing: set[asyncio.Task[KeySet]] = set()

    async def caller(self, token: str, audience: str) -> Caller:
        """Return whom a token speaks of, if it is this issuer's, valid now, and meant for this audience.

        Raises Refused: 401, or 503 where the keys have never been fetched and the issuer does not answer.
        """
        if len(token) > _LONGEST_TOKEN:
            raise _unauthorised("token_invalid")
        keys = await self._current_keys()
        try:
            return self._checked(token, keys, audience)
        except InvalidKeyIdError:
            # Signed with a key that came after ours, perhaps.
            newer = await self._fetched(older_than=keys)
        except JoseError as error:
            raise _refusal(error) from None
        if newer is keys:
            raise _unauthorised("token_invalid")
        try:
            return self._checked(token, newer, audience)
        except JoseError as error:
            raise _refusal(error) from None

    async def endpoints(self) -> Endpoints:
        """Return where the issuer signs people in. Raises Refused (503) where it has never answered."""
        if self._endpoints is None:
            await self._current_keys()
        assert self._endpoints is not None, "there are no keys without them"  # noqa: S101
        return self._endpoints

    async def exchanged(self, form: Mapping[str, str]) -> dict[str, Any]:
        """Return what the issuer gives for a code. Raises Refused: 400 if it refuses it, 503 if it does not answer."""
        endpoint = (await self.endpoints()).token
        try:
            async with self._client() as client:
                response = await client.post(endpoint, data=dict(form))
            found = response.json() if response.status_code < 500 else None
        except (httpx.HTTPError, ValueError) as error:
            logger.warning("The issuer does not answer: %s", error)
            raise Refused(UNAVAILABLE) from error
        if not isinstance(found, dict):
            raise Refused(UNAVAILABLE)
        if response.status_code != 200:
            raise Refused(Problem(400, "The issuer refuses the code.", code="bad_request"))
        return found

    def seconds_left(self, caller: Caller) -> int:
        """Return for how long the caller's token is good."""
        return max(0, int(caller.expires_at - self._now()))

    def _checked(self, token: str, keys: KeySet, audience: str) -> Caller:
        try:
            found = jwt.decode(token, keys, algorithms=list(ALGORITHMS))
        except (ValueError, TypeError) as error:
            raise _unauthorised("token_invalid") from error
        registry = jwt.JWTClaimsRegistry(
            now=lambda: int(self._now()),
            leeway=_LEEWAY_SECONDS,
            iss={"essential": True, "value": self.name},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        registry.validate(found.claims)
        return _caller(found.claims, self._claim_prefix)

    async def _current_keys(self) -> KeySet:
        if self._keys is None:
            return await self._fetched(older_than=None)
        if self._clock() - self._fetched_at > _KEYS_FRESH_SECONDS and not self._renewing:
            # Nobody waits for it: an issuer that is down must not slow down those who have a good token.
            task = asyncio.create_task(self._fetched(older_than=self._keys))
            self._renewing.add(task)
            task.add_done_callback(self._renewing.discard)
        return self._keys

    async def _fetched(self, *, older_than: KeySet | None) -> KeySet:
        """Return newer keys than these, or these again if there are none to be had. Raises Refused (503)."""
        async with self._fetching:
            if self._keys is older_than and self._clock() >= self._silent_until:
                # Whatever comes of it: tokens with made-up keys must not become requests to the issuer.
                self._silent_until = self._clock() + _PAUSE_SECONDS
                await self._fetch()
            if self._keys is None:
                raise Refused(UNAVAILABLE)
            return self._keys

    async def _fetch(self) -> None:
        try:
            async with self._client() as client:
                self._endpoints = _endpoints(await _json(client, self._discovery_url), self.name)
                self._keys = KeySet.import_key_set(await _json(client, self._endpoints.keys))
        except (httpx.HTTPError, JoseError, ValueError, KeyError, TypeError) as error:
            logger.warning("The keys of %s cannot be had: %s", self.name, error)
        else:
            self._fetched_at = self._clock()

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=_TIMEOUT, transport=self._transport, follow_redirects=False)


async def _json(client: httpx.AsyncClient, url: str) -> Any:
    response = await client.get(url)
    response.raise_for_status()
    return response.json()


class _Discovery(BaseModel):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str


def _endpoints(document: Any, issuer: str) -> Endpoints:
    try:
        found = _Discovery.model_validate(document)
    except ValidationError as error:
        raise ValueError(f"no discovery document: {error.error_count()} fields are wrong") from None
    if found.issuer != issuer:
        raise ValueError(f"the discovery document is of {found.issuer}")
    return Endpoints(safe_url(found.authorization_endpoint), safe_url(found.token_endpoint), safe_url(found.jwks_uri))


def _caller(claims: Mapping[str, Any], prefix: str) -> Caller:
    def text(name: str) -> str | None:
        value = claims.get(name)
        return value if isinstance(value, str) else None

    subject = str(claims["sub"])
    if not (len(subject) <= 200 and subject.isascii() and subject.isprintable()):
        raise _unauthorised("token_invalid")
    return Caller(
        subject=subject,
        email=text("email"),
        expires_at=float(min(claims["exp"], 2**53)),
        fluxion_role=text(f"{prefix}fluxion_role"),
        tenant=text(f"{prefix}tenant"),
        role=text(f"{prefix}role"),
    )


def bearer(values: list[str]) -> str:
    """Return the token of a request's Authorization headers. Raises Refused (401) unless there is exactly one."""
    if not values:
        raise _unauthorised("token_missing")
    scheme, _, token = values[0].partition(" ")
    if len(values) != 1 or scheme.lower() != "bearer" or not token.strip() or not token.isascii():
        raise _unauthorised("token_invalid")
    return token.strip()


def _refusal(error: JoseError) -> Refused:
    return _unauthorised("token_expired" if isinstance(error, ExpiredTokenError) else "token_invalid")


def _unauthorised(code: str) -> Refused:
    challenge = "Bearer" if code == "token_missing" else 'Bearer error="invalid_token"'
    return Refused(Problem(401, "Sign in.", code=code, headers={"WWW-Authenticate": challenge}))
