"""Let in only what comes through the distribution: CloudFront adds a secret header to each of its requests.

The load balancer lets in whatever comes from CloudFront's addresses, and so anybody's distribution: one without our web
ACL, say, or one that keeps what must not be kept. The header is what tells ours from theirs.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import Callable
from typing import Any

import anyio.to_thread
import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from starlette.types import ASGIApp, Receive, Scope, Send

from backend.problems import NOT_FOUND, UNAVAILABLE, Refused
from backend.settings import OriginSettings
from backend.tenant_middleware import HEALTH_PATH

logger = logging.getLogger(__name__)

HEADER = "X-Fluxion-Origin"

_HEADER = HEADER.lower().encode("ascii")
_FRESH_SECONDS = 30.0
_PAUSE_SECONDS = 5.0
_STAGES = ("AWSCURRENT", "AWSPREVIOUS")
# A visitor waits for the first one of these calls.
_HASTY = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=1, read_timeout=2)


class OriginSecrets:
    """Know the values that the distribution may send: the secret now, and before its latest rotation.

    Two, because the secret and the distribution cannot change at the same moment. What was fetched last stays good
    while Secrets Manager does not answer: it is needed for the first request only. An object is for one event loop.
    """

    def __init__(
        self, settings: OriginSettings, *, client: Any = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._arn = settings.origin_secret_arn
        self._client = client
        self._clock = clock
        given = settings.origin_secret
        self._values: tuple[bytes, ...] = (given.get_secret_value().encode(),) if given else ()
        self._asked_at = float("inf") if given else float("-inf")  # one that was given as a value is never asked for
        self._renewing: asyncio.Task[None] | None = None

    async def include(self, value: bytes) -> bool:
        """Return whether it is one of them. Raises Refused (503) where they could never be fetched."""
        age = self._clock() - self._asked_at
        if self._renewing is None and age > (_FRESH_SECONDS if self._values else _PAUSE_SECONDS):
            self._asked_at = self._clock()
            self._renewing = asyncio.create_task(self._renew())
        if not self._values:
            if self._renewing is not None:
                # Shielded: many may wait for it, and one that is cancelled must not take it from the others.
                await asyncio.shield(self._renewing)
            if not self._values:
                raise Refused(UNAVAILABLE)
        # All of them, and each in constant time: how long it takes says nothing about what they are.
        return sum([hmac.compare_digest(value, known) for known in self._values]) > 0

    async def _renew(self) -> None:
        try:
            self._values = await anyio.to_thread.run_sync(self._fetch)
        except (BotoCoreError, ClientError) as error:
            logger.warning("The origin's secret cannot be read: %s", error)
        finally:
            self._renewing = None

    def _fetch(self) -> tuple[bytes, ...]:
        self._client = self._client or boto3.client("secretsmanager", config=_HASTY)
        found = []
        for stage in _STAGES:
            try:
                answer = self._client.get_secret_value(SecretId=self._arn, VersionStage=stage)
            except self._client.exceptions.ResourceNotFoundException:
                if stage == "AWSCURRENT":
                    raise
                continue  # it has not been rotated yet, or the one before has been taken away
            found.append(answer["SecretString"].encode())
        return tuple(found)


class OriginGuard:
    """Answer what does not come through the distribution as a host that is not there; the health check is let in."""

    def __init__(self, app: ASGIApp, secrets: OriginSecrets) -> None:
        self._app = app
        self._secrets = secrets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == HEALTH_PATH:
            await self._app(scope, receive, send)
            return
        given = [value for name, value in scope["headers"] if name == _HEADER]
        try:
            is_ours = len(given) == 1 and await self._secrets.include(given[0])
        except Refused as refused:
            await refused.problem.response()(scope, receive, send)
            return
        if is_ours:
            await self._app(scope, receive, send)
        else:
            await NOT_FOUND.response()(scope, receive, send)
