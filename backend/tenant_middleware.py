"""Decide which tenant a request is for, once, before anything else sees it, from the Host header alone.

X-Forwarded-Host, X-Tenant-* and whatever else a client may send are not looked at. Pure ASGI: it adds no task and no
thread to a request for a known tenant. The platform's own hosts go to applications of their own, which have no tenant.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import anyio.to_thread
from botocore.exceptions import BotoCoreError, ClientError
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.directory import DirectoryUnavailable, TenantDirectory
from backend.hosts import hostname, platform_finder, tenant_finder
from backend.probe_secret import ProbeSecret
from backend.problems import FOREIGN_ORIGIN, NO_STORE, NOT_FOUND, SUSPENDED, TOO_LARGE, UNAVAILABLE, Problem, Refused
from tenancy.domain import hostnames, probe_token
from tenancy.domain.record import Status

logger = logging.getLogger(__name__)

_HOST = b"host"
_ORIGIN = b"origin"
_AUTHORIZATION = b"authorization"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_PROBE = probe_token.HEADER.lower().encode("ascii")
HEALTH_PATH = "/healthz"
"""Load balancers ask by address, so this path is served for any host."""

_LARGEST_BODY = 1_048_576  # bytes


@dataclass(frozen=True, slots=True)
class Visit:
    """Say which tenant a request is for; ``request.state.visit`` of every request that reaches a tenant's route."""

    tenant_id: str
    status: Status


class TenantMiddleware:
    """Let through what is for a live tenant, and answers everything else itself."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        base_domain: str,
        directory: TenantDirectory,
        probe_secret: ProbeSecret,
        platform: Mapping[str, ASGIApp],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._base_domain = base_domain
        self._find_tenant = tenant_finder(base_domain)
        self._find_platform = platform_finder(base_domain)
        self._platform = platform
        self._directory = directory
        self._probe_secret = probe_secret
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] == "HEAD":
            # An answer to GET, of which the head alone is sent: no route can forget to have it.
            await self._answer({**scope, "method": "GET"}, receive, _headless(send))
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == HEALTH_PATH:
            await self._app(scope, receive, _marked(send, private=True))
            return
        outcome = await self._outcome(scope)
        if isinstance(outcome, Problem):
            await outcome.response()(scope, receive, send)
            return
        if _announced(scope) > _LARGEST_BODY:
            await TOO_LARGE.response()(scope, receive, send)
            return
        app, visit, private = outcome
        scope = {**scope, "state": {**scope.get("state", {}), "visit": visit}}
        await app(scope, _limited(receive), _marked(send, private=private))

    async def _outcome(self, scope: Scope) -> Problem | tuple[ASGIApp, Visit | None, bool]:
        """Return who answers, for which visit, and whether the answer must stay out of caches; or why nobody does."""
        hosts = _values(scope, _HOST)
        # A path that does not begin with a slash is a whole URI, which names a second host.
        if not scope["path"].startswith("/"):
            return NOT_FOUND
        if (platform := self._find_platform(hosts)) is not None:
            problem = _of_foreign_page(scope, hosts)
            return problem or (self._platform[platform], None, True)
        tenant_id = self._find_tenant(hosts)
        if tenant_id is None:
            return NOT_FOUND
        try:
            status = await self._directory.status(tenant_id)
        except DirectoryUnavailable:
            return UNAVAILABLE
        if status == Status.ACTIVE:
            # What is answered to somebody with a token is for nobody else; and no cache may keep what is answered from
            # memory while the table is silent: the tenant may be suspended by now.
            private = bool(_values(scope, _AUTHORIZATION)) or not self._directory.is_sure(tenant_id)
            return _of_foreign_page(scope, hosts) or (self._app, Visit(tenant_id, status), private)
        if status in (Status.PENDING, Status.SUSPENDED) and await self._is_probe(scope, tenant_id):
            return self._app, Visit(tenant_id, status), True
        return SUSPENDED if status == Status.SUSPENDED else NOT_FOUND

    async def _is_probe(self, scope: Scope, tenant_id: str) -> bool:
        """Return whether VerifyTenant asks, who alone sees a site before it is live, or while it is suspended."""
        if scope["method"] != "GET":
            return False
        proofs = _values(scope, _PROBE)
        if len(proofs) != 1:
            return False
        try:
            secret = await anyio.to_thread.run_sync(self._probe_secret.value)
        except (BotoCoreError, ClientError) as error:
            logger.warning("The probe's secret cannot be read: %s", error)
            return False
        host = hostnames.host_of(tenant_id, self._base_domain)
        return probe_token.verify(secret, host, proofs[0].decode("latin-1"), self._now())


def _values(scope: Scope, wanted: bytes) -> list[bytes]:
    return [value for name, value in scope["headers"] if name == wanted]


def _of_foreign_page(scope: Scope, hosts: list[bytes]) -> Problem | None:
    """Return the refusal of what changes something at the behest of another site's page.

    A browser cannot be made to send a token, which is in no cookie: this is the second fence, and it also keeps
    strangers' pages from placing orders in their visitors' names. Programs that are no browser send no Origin.
    """
    if scope["method"] in _SAFE:
        return None
    for origin in _values(scope, _ORIGIN):
        if hostname(origin.decode("latin-1").partition("://")[2]) != hostname(hosts[0].decode("latin-1")):
            return FOREIGN_ORIGIN
    return None


def _announced(scope: Scope) -> int:
    lengths = _values(scope, b"content-length")
    return int(lengths[0]) if lengths and lengths[0].isdigit() else 0


def _limited(receive: Receive) -> Receive:
    """Count a body while it arrives: one that comes in pieces can be longer than anybody has said."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > _LARGEST_BODY:
            raise Refused(TOO_LARGE)
        return message

    return limited


def _headless(send: Send) -> Send:
    async def headless(message: Message) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await send(message)

    return headless


def _marked(send: Send, *, private: bool) -> Send:
    """See to it that nothing is cached unless a route says so; and nothing at all where it must stay private."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if private:
                del headers["Cache-Tag"]
            if private or "Cache-Control" not in headers:
                headers["Cache-Control"] = NO_STORE
        await send(message)

    return marked
