"""Which tenant a request is for, decided once, before anything else sees it, from the Host header alone.

X-Forwarded-Host, X-Tenant-* and whatever else a client may send are not looked at. Pure ASGI: it adds no task and no
thread to a request for a known tenant.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio.to_thread
from botocore.exceptions import BotoCoreError, ClientError
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.directory import DirectoryUnavailable, TenantDirectory
from backend.hosts import tenant_finder
from backend.probe_secret import ProbeSecret
from backend.problems import NO_STORE, NOT_FOUND, SUSPENDED, UNAVAILABLE, Problem
from tenancy import hostnames, probe_token
from tenancy.model import Status

logger = logging.getLogger(__name__)

_HOST = b"host"
_PROBE = probe_token.HEADER.lower().encode("ascii")
# Load balancers ask by address, so this path is served for any host.
_HEALTH = "/healthz"


@dataclass(frozen=True, slots=True)
class Visit:
    """Which tenant a request is for; ``request.state.visit`` of every request that reaches a route below /api."""

    tenant_id: str


class TenantMiddleware:
    """Lets through what is for a live tenant, and answers everything else itself."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        base_domain: str,
        directory: TenantDirectory,
        probe_secret: ProbeSecret,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app = app
        self._base_domain = base_domain
        self._find_tenant = tenant_finder(base_domain)
        self._directory = directory
        self._probe_secret = probe_secret
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["path"] == _HEALTH:
            await self._app(scope, receive, _marked(send, private=True))
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        outcome = await self._outcome(scope)
        if isinstance(outcome, Problem):
            await outcome.response()(scope, receive, send)
            return
        visit, private = outcome
        scope = {**scope, "state": {**scope.get("state", {}), "visit": visit}}
        await self._app(scope, receive, _marked(send, private=private))

    async def _outcome(self, scope: Scope) -> Problem | tuple[Visit, bool]:
        """A visit and whether it must stay out of caches, or why there is none."""
        tenant_id = self._find_tenant([value for name, value in scope["headers"] if name == _HOST])
        # A path that does not begin with a slash is a whole URI, which names a second host.
        if tenant_id is None or not scope["path"].startswith("/"):
            return NOT_FOUND
        try:
            status = await self._directory.status(tenant_id)
        except DirectoryUnavailable:
            return UNAVAILABLE
        if status == Status.ACTIVE:
            return Visit(tenant_id), False
        if status in (Status.PENDING, Status.SUSPENDED) and await self._is_probe(scope, tenant_id):
            return Visit(tenant_id), True
        return SUSPENDED if status == Status.SUSPENDED else NOT_FOUND

    async def _is_probe(self, scope: Scope, tenant_id: str) -> bool:
        """Whether VerifyTenant asks, who alone sees a site before it is live, or while it is suspended."""
        proofs = [value for name, value in scope["headers"] if name == _PROBE]
        if len(proofs) != 1:
            return False
        try:
            secret = await anyio.to_thread.run_sync(self._probe_secret.value)
        except (BotoCoreError, ClientError) as error:
            logger.warning("The probe's secret cannot be read: %s", error)
            return False
        host = hostnames.host_of(tenant_id, self._base_domain)
        return probe_token.verify(secret, host, proofs[0].decode("latin-1"), self._now())


def _marked(send: Send, *, private: bool) -> Send:
    """Sees to it that nothing is cached unless a route says so; and nothing at all where it must stay private."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            if private:
                del headers["Cache-Tag"]
            if private or "Cache-Control" not in headers:
                headers["Cache-Control"] = NO_STORE
        await send(message)

    return marked
