"""AWS's quotas on the embedded AWS: how much, how fast, how long, and what AWS answers beyond it.

`Quotas` is the table: a field for each quota, with its unit, AWS's answer and the source. What AWS does not publish is
a parameter: its value is an assumption to be varied, never a fact. The model is off unless the emulator is started with
`--quotas` (JSON of the values that differ; `{}` is AWS as it comes), since a test has no 60 s for a DNS change. `scale`
is a time scale: it shortens every delay and raises every rate by the same factor, and leaves bursts and numbers alone.

What crosses the gateway is held to its quota here (`limited`), before anything else looks at it. What happens inside
of MiniStack (state transitions, concurrency, e-mails, sizes) is `bridges.quotas` and the bridge of that service.

Not modelled: quotas that the product stays far from, and those of one zone, queue or table that others would share.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from local_aws.gateway import answers, wire_request
from local_aws.gateway.fault_rules import Bucket

if TYPE_CHECKING:
    from local_aws.gateway.gateway import Answer, Call, Middleware, Proceed

UNPUBLISHED = "not published: a parameter"
_ROUTE53 = "Route 53 Developer Guide, Throttling for Amazon Route 53 API requests"
_ZONE = "Route 53 Developer Guide, Quotas"
_CLOUDFRONT = "CloudFront Developer Guide, Quotas"
_STATES = "Step Functions Developer Guide, Quotas, US East (N. Virginia)"
_THROTTLING, _THROTTLED = "Throttling", "ThrottlingException"
_PER_SECOND, _SECONDS = "a second", "seconds"


def _quota(default: float, unit: str, beyond: str, source: str) -> Any:
    """unit: ends in `a second` for a rate, is `seconds` for a delay, and anything else is a number."""
    return field(default=default, metadata={"unit": unit, "beyond": beyond, "source": source})


@dataclass(frozen=True)
class Quotas:
    """AWS's quotas as an account has them; without values, as a new account in us-east-1 does. Raises ValueError."""

    scale: float = 1.0
    """How many times faster than AWS's the clock of this emulator runs."""

    # Route 53. Both buckets are the account's; a request that the second one refuses has taken its token of the first.
    zone_request_burst: float = _quota(50, "requests", _THROTTLING, _ROUTE53)
    zone_requests_per_second: float = _quota(10, "requests a second", _THROTTLING, _ROUTE53)
    zone_change_burst: float = _quota(1500, "changes; an UPSERT is two", _THROTTLING, _ROUTE53)
    zone_changes_per_second: float = _quota(100, "changes a second", _THROTTLING, _ROUTE53)
    zone_busy_seconds: float = _quota(0.1, _SECONDS, "PriorRequestNotComplete", UNPUBLISHED)
    zone_records: float = _quota(10_000, "record sets a zone", "InvalidChangeBatch", _ZONE)
    change_records_seconds: float = _quota(0.2, _SECONDS, "the call takes so long", UNPUBLISHED)
    insync_seconds: float = _quota(60, _SECONDS, "PENDING", "Route 53 API Reference, GetChange")

    # CloudFront.
    distribution_update_burst: float = _quota(1, "UpdateDistribution", _THROTTLING, UNPUBLISHED)
    distribution_updates_per_second: float = _quota(0.2, "UpdateDistribution a second", _THROTTLING, UNPUBLISHED)
    update_distribution_seconds: float = _quota(0.3, _SECONDS, "the call takes so long", UNPUBLISHED)
    deploy_seconds: float = _quota(240, _SECONDS, "InProgress", UNPUBLISHED)
    aliases: float = _quota(100, "aliases a distribution", "TooManyDistributionCNAMEs", _CLOUDFRONT)
    distribution_tenant_burst: float = _quota(10, "CreateDistributionTenant", _THROTTLING, UNPUBLISHED)
    distribution_tenants_per_second: float = _quota(10, "CreateDistributionTenant a second", _THROTTLING, UNPUBLISHED)
    invalidations_per_second: float = _quota(150, "paths and tags a second", _THROTTLING, _CLOUDFRONT)
    wildcard_invalidations_per_second: float = _quota(1, "paths with a wildcard a second", _THROTTLING, _CLOUDFRONT)
    invalidations_in_progress: float = _quota(3000, "paths and tags", "TooManyInvalidationsInProgress", _CLOUDFRONT)
    wildcard_invalidations_in_progress: float = _quota(
        15, "paths with a wildcard", "TooManyInvalidationsInProgress", _CLOUDFRONT
    )
    create_invalidation_seconds: float = _quota(0.2, _SECONDS, "the call takes so long", UNPUBLISHED)
    invalidation_seconds: float = _quota(25, _SECONDS, "InProgress", UNPUBLISHED)

    # Step Functions, standard workflows. AWS refuses calls, and delays transitions.
    start_burst: float = _quota(1300, "StartExecution", _THROTTLED, _STATES)
    starts_per_second: float = _quota(300, "StartExecution a second", _THROTTLED, _STATES)
    transition_burst: float = _quota(5000, "state transitions", "the execution waits", _STATES)
    transitions_per_second: float = _quota(5000, "state transitions a second", "the execution waits", _STATES)
    task_answer_burst: float = _quota(3000, "SendTaskSuccess; the same of SendTaskFailure", _THROTTLED, _STATES)
    task_answers_per_second: float = _quota(500, "SendTaskSuccess a second", _THROTTLED, _STATES)

    # Lambda and SNS.
    concurrent_executions: float = _quota(
        1000, "invocations at once", "TooManyRequestsException; event sources wait", "Lambda Developer Guide, Quotas"
    )
    emails_per_second: float = _quota(10, "e-mails a second", "they wait", "SNS Developer Guide, Quotas")

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise ValueError(f"{name} must be a number, and not below 0; it is {value!r}")
            if value == 0 and (name == "scale" or self._unit(name).endswith(_PER_SECOND)):
                raise ValueError(f"{name} must be above 0: with 0, nothing would ever go on")

    @classmethod
    def parse(cls, text: str) -> Quotas:
        """From a JSON object of the values that differ from AWS's. Raises ValueError."""
        given = json.loads(text)
        if not isinstance(given, dict):
            raise ValueError("quotas are a JSON object of names and numbers")  # noqa: TRY004 - of the text
        if unknown := sorted(set(given) - {known.name for known in fields(cls)}):
            raise ValueError(f"{', '.join(unknown)}: no such quota; local_aws/quotas.py has them all")
        return cls(**given)

    def to_json(self) -> str:
        """The values that differ from AWS's, as `parse` takes them."""
        return json.dumps(
            {known.name: now for known in fields(self) if (now := getattr(self, known.name)) != known.default}
        )

    def scaled(self) -> Quotas:
        """The same in this emulator's own time: delays divided by the scale, rates multiplied."""
        values = asdict(self)
        for name in values:
            unit = self._unit(name)
            values[name] *= self.scale if unit.endswith(_PER_SECOND) else 1 / self.scale if unit == _SECONDS else 1
        return replace(self, **values | {"scale": 1.0})

    def raised(self) -> list[dict[str, Any]]:
        """Where this account has more than AWS gives by default, or waits less: `{name, default, now}`, unscaled.

        Parameters are left out: AWS has published no default that they could exceed.
        """
        found = []
        for known in fields(self):
            now, default = getattr(self, known.name), known.default
            kinder = now < default if self._unit(known.name) == _SECONDS else now > default
            if kinder and known.metadata.get("source", UNPUBLISHED) != UNPUBLISHED:
                found.append({"name": known.name, "default": default, "now": now})
        return found

    @classmethod
    def _unit(cls, name: str) -> str:
        return str(cls.__dataclass_fields__[name].metadata.get("unit", ""))


# ---- what crosses the gateway ----


def _given(call: Call) -> Mapping[str, Any]:
    """The parameters of a call; empty if it cannot be read, which validation refuses."""
    try:
        found = wire_request.parameters(call)
    except wire_request.Unreadable:
        return {}
    return found[1] if found else {}


def _one(call: Call) -> float:
    return 1


def _changes(call: Call) -> float:
    """CREATE and DELETE are one change, UPSERT may have to do both."""
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
    """Calls that a token bucket of the account lets through.

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
        """Which bucket lacks the tokens for a call; None if the call has its tokens now."""
        for metered, bucket in self._of.get(call.service, ()):
            if metered.operation in (None, call.operation) and not bucket.take(metered.cost(call)):
                return metered
        return None


def limited(quotas: Quotas) -> Middleware:
    """The middleware that refuses what is beyond a quota. quotas: in this emulator's own time (`scaled`)."""
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
        """A zone takes one change at a time, and is busy for a moment after it."""
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


def is_transition(event_type: str) -> bool:
    """Whether an event of an execution's history counts as a state transition: each state, and each attempt of a task.

    Source: AWS Step Functions pricing, which counts retries.
    """
    if event_type == "TaskStateEntered":  # its first attempt follows
        return False
    return event_type.endswith("StateEntered") or event_type in ("TaskScheduled", "LambdaFunctionScheduled")


def slow(quotas: Quotas) -> Middleware:
    """The middleware that makes calls take their time; LOCAL_AWS_LATENCY scales it (0: none)."""
    scale = float(os.environ.get("LOCAL_AWS_LATENCY", "1"))
    seconds = {names: getattr(quotas, quota) * scale for names, quota in LATENCY.items()}
    services = {service for service, _ in seconds}

    async def wait(call: Call, proceed: Proceed) -> Answer:
        """Before the effect, as a request that is on its way does."""
        if call.service in services and (pause := seconds.get((call.service, call.operation))):
            await asyncio.sleep(pause)
        return await proceed()

    return wait
