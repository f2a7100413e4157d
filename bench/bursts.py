"""Put many tenants at the same moment into a running stack, and follow them until nothing works on them any more."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import batched
from statistics import median
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from control.stacks import Output
from local.stack import Stack
from local.stack.settings import BASE_DOMAIN
from local_aws.quotas import Quotas

_WRITTEN_AT_ONCE, _READ_AT_ONCE = 25, 100  # BatchWriteItem, BatchGetItem: API reference, request limits
_LOOK_SECONDS, _TELL_SECONDS = 2.0, 15.0
_PATIENCE_SECONDS = 1800.0
_serialise, _deserialise = TypeSerializer().serialize, TypeDeserializer().deserialize


@dataclass(frozen=True)
class Burst:
    """The outcome of a burst. Times are of the records themselves, so looking seldom costs no precision."""

    began: float
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def active(self) -> list[str]:
        return [tenant for tenant, record in self.records.items() if record["status"] == "ACTIVE"]

    @property
    def failed(self) -> dict[str, str]:
        """Return the errors' codes by tenant, of those that ended without becoming active."""
        return {
            tenant: record.get("last_error", {}).get("code", "")
            for tenant, record in self.records.items()
            if record["status"] != "ACTIVE"
        }

    @property
    def seconds(self) -> float:
        """Return the seconds from the first PutItem until the last tenant that became active was."""
        return max(self._each(), default=0.0)

    @property
    def median_seconds(self) -> float:
        return median(self._each() or [0.0])

    def _each(self) -> list[float]:
        return [
            datetime.fromisoformat(self.records[tenant]["live_since"]).timestamp() - self.began
            for tenant in self.active
        ]


def burst(stack: Stack, tenants: Sequence[str], say: Callable[[str], None], which: str = "") -> Burst:
    """Put all items as fast as they can be written; return when no operation is running any more.

    Raises RuntimeError if that takes longer than half an hour.
    """
    dynamodb = stack.client("dynamodb")
    desired, observed = stack.outputs[Output.TENANTS_TABLE], stack.outputs[Output.PROVISIONING_TABLE]
    began = time.time()
    for some in batched(tenants, _WRITTEN_AT_ONCE, strict=False):
        puts = [{"PutRequest": {"Item": _item({"tenant_id": name, "name": f"Mercado {name}"})}} for name in some]
        dynamodb.batch_write_item(RequestItems={desired: puts})
    ended: dict[str, Mapping[str, Any]] = {}
    told = time.monotonic()
    while len(ended) < len(tenants):
        time.sleep(_LOOK_SECONDS)
        for some in batched((name for name in tenants if name not in ended), _READ_AT_ONCE, strict=False):
            keys = [_item({"pk": f"TENANT#{name}", "sk": "TENANT"}) for name in some]
            answer = dynamodb.batch_get_item(RequestItems={observed: {"Keys": keys, "ConsistentRead": True}})
            found = [_plain(item) for item in answer["Responses"][observed]]
            ended |= {each["tenant_id"]: each for each in found if "lease" not in each}
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            statuses = Counter(record["status"] for record in ended.values())
            shown = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())) or "none yet"
            say(f"{which}after {time.time() - began:.0f} s: {shown}, of {len(tenants)}")
        if time.time() - began > _PATIENCE_SECONDS:
            raise RuntimeError(f"{len(tenants) - len(ended)} of {len(tenants)} tenants are still being worked on")
    return Burst(began, ended)


def names(count: int) -> list[str]:
    """Return the ids of so many tenants."""
    return [f"mercado-{number:04d}" for number in range(1, count + 1)]


def host(tenant: str) -> str:
    return f"{tenant}.{BASE_DOMAIN}"


def aliases(stack: Stack) -> set[str]:
    """Return the alternate domain names of the stack's distribution."""
    config = stack.client("cloudfront").get_distribution_config(Id=stack.outputs[Output.DISTRIBUTION])
    return set(config["DistributionConfig"]["Aliases"].get("Items", ()))


def records(stack: Stack) -> list[dict[str, Any]]:
    """Return the record sets of the stack's hosted zone."""
    pages = stack.client("route53").get_paginator("list_resource_record_sets")
    zone = stack.outputs[Output.HOSTED_ZONE]
    return [each for page in pages.paginate(HostedZoneId=zone) for each in page["ResourceRecordSets"]]


def lost(stack: Stack, tenants: Sequence[str]) -> tuple[int, int]:
    """Return (aliases, record sets) that these tenants should have and have not."""
    attached = aliases(stack)
    there = {(each["Name"], each["Type"]) for each in records(stack)}
    wanted = {(f"{host(tenant)}.", kind) for tenant in tenants for kind in ("A", "AAAA")}
    return sum(host(tenant) not in attached for tenant in tenants), len(wanted - there)


def raised(quotas: Quotas) -> str:
    """Return the quotas above AWS's defaults, for a row: `aliases 100 → 600`."""
    return ", ".join(f"{each['name']} {each['default']:g} → {each['now']:g}" for each in quotas.raised())


def _item(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _serialise(value) for name, value in values.items()}


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _deserialise(value) for name, value in item.items()}
