"""AWS's quotas on the embedded AWS: how much, how fast, how long, and the answer beyond each.

`Quotas` is the table: a field for each quota, with its unit, AWS's answer and the source. What AWS does not publish is
a parameter: its value is an assumption to be varied, never a fact. The model is off unless the emulator is started with
`--quotas` (JSON of the values that differ; `{}` is AWS as it comes), since a test has no 60 s for a DNS change. `scale`
is a time scale: it shortens every delay and raises every rate by the same factor, and leaves bursts and numbers alone.

What crosses the gateway is held to its quota by `gateway.limits`. What happens inside of MiniStack (state transitions,
concurrency, e-mails, sizes) is `services.quotas` and the bridge of that service.

Not modelled: quotas that a small product stays far from, and those of one zone, queue or table that others would share.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

UNPUBLISHED = "not published: a parameter"

# What nobody can have raised, and what AWS takes for granted. Sources: each service's API reference or its quotas.
ZONE_BATCH_RECORDS, ZONE_BATCH_CHARACTERS = 1_000, 32_000  # ChangeResourceRecordSets; an UPSERT counts twice
CACHE_TAG_CHARACTERS = 256  # CloudFront
SAAS_DISTRIBUTION_TENANTS = 10_000  # CloudFront SaaS Manager, an account
INVOCATION_BYTES = 6 * 1024 * 1024  # Lambda, a request or an answer
STREAM_POLL_SECONDS = 0.25  # Lambda looks at a shard about four times a second
STREAM_RECORD_SECONDS = 86_400  # DynamoDB keeps a stream's record so long
QUEUE_POLLERS = 5  # Lambda, of a queue without MaximumConcurrency
BATCH_GET_KEYS, BATCH_WRITE_ITEMS, TRANSACTION_ITEMS = 100, 25, 100  # DynamoDB, a call
CLIENT_TOKEN_SECONDS = 600  # DynamoDB remembers a ClientRequestToken so long
EVENT_ENTRIES, EVENT_BYTES = 10, 256 * 1024  # PutEvents, a call
EVENT_DELIVERIES, EVENT_SECONDS = 185, 86_400  # EventBridge, of a target without RetryPolicy
TOPIC_SUBJECT = r"[!-~][ -~]{0,98}"  # SNS Publish
TOPIC_MESSAGE_BYTES = 256 * 1024  # SNS Publish

_ROUTE53 = "Route 53 Developer Guide, Throttling for Amazon Route 53 API requests"
_ZONE = "Route 53 Developer Guide, Quotas"
_CLOUDFRONT = "CloudFront Developer Guide, Quotas"
_STATES = "Step Functions Developer Guide, Quotas, US East (N. Virginia)"
_THROTTLING, _THROTTLED = "Throttling", "ThrottlingException"
_PER_SECOND, _SECONDS = "a second", "seconds"


def _quota(default: float, unit: str, beyond: str, source: str) -> Any:
    """Describe a quota. unit: ends in `a second` for a rate, is `seconds` for a delay, else the value is a number."""
    return field(default=default, metadata={"unit": unit, "beyond": beyond, "source": source})


@dataclass(frozen=True)
class Quotas:
    """The quotas of an account; without values, those of a new account in us-east-1. Raises ValueError."""

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
                raise ValueError(f"{name} must be a number of 0 or more, not {value!r}")
            if value == 0 and (name == "scale" or self._unit(name).endswith(_PER_SECOND)):
                raise ValueError(f"{name} must be above 0, not {value!r}: with 0 nothing would proceed")

    @classmethod
    def parse(cls, text: str) -> Quotas:
        """Return the quotas of a JSON object of the values that differ from AWS's. Raises ValueError."""
        given = json.loads(text)
        if not isinstance(given, dict):
            raise ValueError("quotas must be a JSON object of names and numbers")  # noqa: TRY004 - of the text
        if unknown := sorted(set(given) - {known.name for known in fields(cls)}):
            raise ValueError(f"there is no quota {', '.join(unknown)}: choose one of local_aws/quotas.py")
        return cls(**given)

    def to_json(self) -> str:
        """Return the values that differ from AWS's, as `parse` takes them."""
        return json.dumps(
            {known.name: now for known in fields(self) if (now := getattr(self, known.name)) != known.default}
        )

    def scaled(self) -> Quotas:
        """Return the same in this emulator's own time: delays divided by the scale, rates multiplied."""
        values = asdict(self)
        for name in values:
            unit = self._unit(name)
            values[name] *= self.scale if unit.endswith(_PER_SECOND) else 1 / self.scale if unit == _SECONDS else 1
        return replace(self, **values | {"scale": 1.0})

    def raised(self) -> list[dict[str, Any]]:
        """Return where this account has more than AWS gives by default, or waits less: `{name, default, now}`,
        unscaled.

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


def is_transition(event_type: str) -> bool:
    """Return whether an event of an execution's history counts as a state transition: each state, and each attempt of a
    task.

    Source: AWS Step Functions pricing, which counts retries.
    """
    if event_type == "TaskStateEntered":  # its first attempt follows
        return False
    return event_type.endswith("StateEntered") or event_type in ("TaskScheduled", "LambdaFunctionScheduled")
