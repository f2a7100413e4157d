"""Refuse calls beyond an account's quota before anything else looks at them; make slow calls take their time."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from local_aws.gateway import answers, wire_request
from local_aws.gateway.bucket import Bucket
from local_aws.gateway.call import Answer, Call, Middleware, Proceed
from local_aws.quotas import Quotas


def _given(call: Call) -> Mapping[str, Any]:
    """Return a call's parameters; empty if it cannot be read, which validation refuses."""
    try:
        found = wire_request.parameters(call)
    except wire_request.Unreadable:
        return {}
    return found[1] if found else {}


def _one(call: Call) -> float:
    return 1


def _changes(call: Call) -> float:
    """Return the number of changes: CREATE and DELETE are one, UPSERT may have to do both."""
    changes = _given(call).get("ChangeBatch", {}).get("Changes", ())
    return sum(2 if change.get("Action") == "UPSERT" else 1 for change in changes)


def _items(call: Call) -> list[str]:
    return list(_given(call).get("InvalidationBatch", {}).get("Paths", {}).get("Items", ()))


def _files(call: Call) -> float:
    return sum(not item.endswith("*") for item in _items(call))


def _wildcards(call: Call) -> float:
    return sum(item.endswith("*") for item in _items(call))


@dataclass(frozen=True)
class Metered:
    """The calls that one token bucket of the account lets through.

    operation: None is every one of the service. burst, rate: fields of Quotas; beyond them the call gets the code that
    stands there. One field for both: AWS speaks of so many a second, and the bucket holds a second's. cost: tokens that
    a call takes; one that costs more than the burst never passes.
    """

    service: str
    operation: str | None
    burst: str
    rate: str
    cost: Callable[[Call], float] = _one

    @property
    def code(self) -> str:
        return str(Quotas.__dataclass_fields__[self.rate].metadata["beyond"])


METERED = (
    Metered("route53", None, "zone_request_burst", "zone_requests_per_second"),
    Metered("route53", "ChangeResourceRecordSets", "zone_change_burst", "zone_changes_per_second", _changes),
    Metered("cloudfront", "UpdateDistribution", "distribution_update_burst", "distribution_updates_per_second"),
    Metered("cloudfront", "CreateDistributionTenant", "distribution_tenant_burst", "distribution_tenants_per_second"),
    Metered("cloudfront", "CreateInvalidation", "invalidations_per_second", "invalidations_per_second", _files),
    Metered(
        "cloudfront",
        "CreateInvalidation",
        "wildcard_invalidations_per_second",
        "wildcard_invalidations_per_second",
        _wildcards,
    ),
    Metered("states", "StartExecution", "start_burst", "starts_per_second"),
    Metered("states", "SendTaskSuccess", "task_answer_burst", "task_answers_per_second"),
    Metered("states", "SendTaskFailure", "task_answer_burst", "task_answers_per_second"),
)

LATENCY = {
    ("cloudfront", "UpdateDistribution"): "update_distribution_seconds",
    ("cloudfront", "CreateInvalidation"): "create_invalidation_seconds",
    ("route53", "ChangeResourceRecordSets"): "change_records_seconds",
}
"""How long the slow calls take. MiniStack answers at once, which would hide what writing one at a time costs, and the
races between a read and the write that follows."""


class Buckets:
    """The account's token buckets. quotas: in this emulator's own time (`scaled`). clock: seconds."""

    def __init__(self, quotas: Quotas, clock: Callable[[], float] = time.monotonic) -> None:
        self._of: dict[str, list[tuple[Metered, Bucket]]] = {}
        for metered in METERED:
            bucket = Bucket(getattr(quotas, metered.burst), getattr(quotas, metered.rate), clock)
            self._of.setdefault(metered.service, []).append((metered, bucket))

    def exceeded(self, call: Call) -> Metered | None:
        """Return which bucket lacks the tokens for a call; None if the call has its tokens now."""
        for metered, bucket in self._of.get(call.service, ()):
            if metered.operation in (None, call.operation) and not bucket.take(metered.cost(call)):
                return metered
        return None


def limited(quotas: Quotas) -> Middleware:
    """Return the middleware that refuses what is beyond a quota. quotas: in this emulator's own time (`scaled`)."""
    buckets, busy_until = Buckets(quotas), dict[str, float]()

    def refuse(call: Call, quota: str, code: str, message: str) -> Answer:
        call.notes["quota"] = quota
        return answers.error(call, code, message, 400)

    async def limit(call: Call, proceed: Proceed) -> Answer:
        if exceeded := buckets.exceeded(call):
            return refuse(call, exceeded.rate, exceeded.code, "Rate exceeded")
        if (call.service, call.operation) == ("route53", "ChangeResourceRecordSets"):
            return await in_turn(call, proceed)
        return await proceed()

    async def in_turn(call: Call, proceed: Proceed) -> Answer:
        """Refuse a zone's second change at a time: it is busy for a moment after each."""
        zone = str(_given(call).get("HostedZoneId"))
        if time.monotonic() < busy_until.get(zone, 0.0):
            message = "The request was rejected because Route 53 was still processing a prior request."
            return refuse(call, "zone_busy_seconds", "PriorRequestNotComplete", message)
        busy_until[zone] = float("inf")
        changed = False
        try:
            answer = await proceed()
            changed = answer.status == 200
            return answer
        finally:
            busy_until[zone] = time.monotonic() + quotas.zone_busy_seconds if changed else 0.0

    return limit


def slow(quotas: Quotas) -> Middleware:
    """Return the middleware that makes calls take their time; LOCAL_AWS_LATENCY scales it (0: none)."""
    scale = float(os.environ.get("LOCAL_AWS_LATENCY", "1"))
    seconds = {names: getattr(quotas, quota) * scale for names, quota in LATENCY.items()}
    services = {service for service, _ in seconds}

    async def wait(call: Call, proceed: Proceed) -> Answer:
        """Wait before the effect, as a request that is on its way does."""
        if call.service in services and (pause := seconds.get((call.service, call.operation))):
            await asyncio.sleep(pause)
        return await proceed()

    return wait
