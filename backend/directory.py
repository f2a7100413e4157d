"""Tell which tenants there are, as the control plane's table says, or said last while it does not answer.

Static stability: once a tenant is known, its site depends on DynamoDB no more; only its changes do.
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio.to_thread
import boto3
from anyio import CapacityLimiter
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tenancy.domain.record import Status

logger = logging.getLogger(__name__)

FRESH_SECONDS = 2.0
"""How old an answer may be. What a tenant's record says is served at most this long after it was written."""

_PAUSE_AFTER_FAILURE_SECONDS = 1.0
_PATIENCE_SECONDS = 0.5  # a table that takes longer is taken for one that does not answer
_MOST_KNOWN = 20_000
_THREADS = 8
# A visitor waits for this call: quickly, or not at all.
_HASTY = Config(retries={"mode": "standard", "total_max_attempts": 2}, connect_timeout=1, read_timeout=2)


class DirectoryUnavailable(Exception):
    """Say that the table does not answer, and that nothing is known about the tenant from before."""


@dataclass(slots=True)
class _Known:
    status: Status
    since: float


class TenantDirectory:
    """Tell the status of tenants, in one event loop.

    ACTIVE and SUSPENDED tenants are remembered, the others are asked for each time: they are rare, and change soon.
    """

    def __init__(
        self,
        table: str,
        *,
        client: Any = None,
        fresh_seconds: float = FRESH_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._client = client or boto3.client("dynamodb", config=_HASTY)
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Status | None]] = {}
        self._silent_until = float("-inf")
        # Two pools, so that made-up hosts, which are never remembered, cannot keep known tenants waiting.
        self._for_known = CapacityLimiter(_THREADS)
        self._for_others = CapacityLimiter(_THREADS)

    async def status(self, tenant_id: str) -> Status | None:
        """Return a status at most ``fresh_seconds`` old if the table answers; None if there is no such tenant.

        For a tenant that is known from before, that is what was true then, where the table answers late or not at all.
        Raises DirectoryUnavailable for a tenant that is not known from before while the table does not answer.
        """
        known = self._known.get(tenant_id)
        if known and (self._clock() - known.since <= self._fresh_seconds or self._clock() < self._silent_until):
            return known.status
        if not known and self._clock() < self._silent_until:
            raise DirectoryUnavailable
        asking = self._asking.get(tenant_id)
        if asking is None:
            limiter = self._for_known if known else self._for_others
            asking = self._asking[tenant_id] = asyncio.create_task(self._ask(tenant_id, limiter))
            asking.add_done_callback(lambda task: self._forget(tenant_id, task))
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS if known else None):
                # Shielded: many may wait for the answer, and one that is cancelled must not take it from the others.
                return await asyncio.shield(asking)
        except TimeoutError:
            if known is None:
                raise
            self._silent_until = self._clock() + _PAUSE_AFTER_FAILURE_SECONDS
            return known.status

    def is_sure(self, tenant_id: str) -> bool:
        """Return whether what was last said of a live tenant is as fresh as it should be, and no memory from before."""
        known = self._known.get(tenant_id)
        return known is not None and self._clock() - known.since <= self._fresh_seconds

    def _forget(self, tenant_id: str, asking: asyncio.Task[Status | None]) -> None:
        del self._asking[tenant_id]
        if not asking.cancelled():
            # Looked at, so that asyncio does not complain when everybody who waited has gone.
            asking.exception()

    async def _ask(self, tenant_id: str, limiter: CapacityLimiter) -> Status | None:
        asked_at = self._clock()
        try:
            status = await anyio.to_thread.run_sync(self._read, tenant_id, limiter=limiter)
        except (BotoCoreError, ClientError) as error:
            logger.warning("The table of tenants does not answer: %s", error)
            self._silent_until = self._clock() + _PAUSE_AFTER_FAILURE_SECONDS
            if known := self._known.get(tenant_id):
                return known.status
            raise DirectoryUnavailable from error
        if status is not None and status.is_served:
            self._known[tenant_id] = _Known(status, asked_at)
            self._known.move_to_end(tenant_id)
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        else:
            self._known.pop(tenant_id, None)
        return status

    def _read(self, tenant_id: str) -> Status | None:
        found = self._client.get_item(
            TableName=self._table,
            Key={"pk": {"S": f"TENANT#{tenant_id}"}, "sk": {"S": "TENANT"}},
            ProjectionExpression="#status",
            ExpressionAttributeNames={"#status": "status"},
            ConsistentRead=True,
        )
        text = found.get("Item", {}).get("status", {}).get("S")
        return Status(text) if text and text in Status else None
