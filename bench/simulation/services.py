"""Model Route 53 and CloudFront as the writers' boto3 clients see them: they take time, and refuse who is too fast.

Written for the simulation, apart from the embedded AWS: only the numbers come from the same table.
"""

import random
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from bench.simulation.clock import Bucket, Clock, about
from local_aws.quotas import ZONE_BATCH_RECORDS, Quotas

LIST_SECONDS = 0.05  # of a read; what writes take is in Quotas
READ_SECONDS = 0.1
TENANT_SECONDS = 0.3


@dataclass
class Calls:
    """A count of what was asked of AWS, by operation, and how it was refused, by error code."""

    made: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def _refusal(operation: str, code: str, message: str) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}},  # type: ignore[typeddict-item]
        operation,
    )


class _Service:
    def __init__(self, quotas: Quotas, clock: Clock, chance: random.Random, calls: Calls) -> None:
        self._quotas, self._clock, self._chance, self._calls = quotas, clock, chance, calls

    def _call(self, operation: str, seconds: float, *buckets: tuple[Bucket, float]) -> None:
        """Let a call arrive and take its time. Raises ClientError if a bucket lacks the tokens."""
        self._calls.made[operation] += 1
        now = self._clock.now()
        self._clock.take(about(seconds, self._chance))
        if not all(bucket.take(amount, now) for bucket, amount in buckets):
            raise self._refused(operation, "Throttling", "Rate exceeded")

    def _refused(self, operation: str, code: str, message: str) -> ClientError:
        self._calls.refused[code] += 1
        return _refusal(operation, code, message)


class Route53(_Service):
    """A hosted zone. ``records``: host → values of records that are somebody else's, or ours already."""

    def __init__(self, quotas: Quotas, clock: Clock, chance: random.Random, calls: Calls) -> None:
        super().__init__(quotas, clock, chance, calls)
        self.records: set[tuple[str, str]] = set()
        self.foreign: set[str] = set()
        self._requests = Bucket(quotas.zone_request_burst, quotas.zone_requests_per_second)
        self._changes = Bucket(quotas.zone_change_burst, quotas.zone_changes_per_second)
        self._busy_until = 0.0

    def change_resource_record_sets(self, *, HostedZoneId: str, ChangeBatch: Any) -> dict[str, Any]:  # noqa: N803
        """Apply all changes or none. A zone takes one change at a time."""
        operation, changes = "ChangeResourceRecordSets", ChangeBatch["Changes"]
        arrival = self._clock.now()
        cost = sum(2 if change["Action"] == "UPSERT" else 1 for change in changes)
        seconds = self._quotas.change_records_seconds
        self._call(operation, seconds, (self._requests, 1), (self._changes, cost))
        if arrival < self._busy_until:
            raise self._refused(operation, "PriorRequestNotComplete", "a prior request is not complete")
        named = [(change["ResourceRecordSet"]["Name"], change["ResourceRecordSet"]["Type"]) for change in changes]
        if len(changes) > ZONE_BATCH_RECORDS:
            raise self._refused(operation, "InvalidChangeBatch", f"{len(changes)} changes are too many")
        if taken := [host for host, kind in named if host in self.foreign or (host, kind) in self.records]:
            raise self._refused(operation, "InvalidChangeBatch", f"{taken[0]} already exists")
        if len(self.records) + len(named) > self._quotas.zone_records:
            raise self._refused(operation, "InvalidChangeBatch", "the zone is full")
        self.records.update(named)
        self._busy_until = self._clock.now() + self._quotas.zone_busy_seconds
        return {"ChangeInfo": {"Id": f"/change/C{len(self.records)}", "Status": "PENDING"}}

    def get_hosted_zone(self, **_: Any) -> dict[str, Any]:
        """Return the zone, with the number of its records."""
        self._call("GetHostedZone", LIST_SECONDS, (self._requests, 1))
        return {"HostedZone": {"ResourceRecordSetCount": len(self.records) + len(self.foreign)}}

    def list_resource_record_sets(self, *, StartRecordName: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        """Return the records of the host that the listing starts at."""
        self._call("ListResourceRecordSets", LIST_SECONDS, (self._requests, 1))
        values = [{"Value": "192.0.2.7"}]
        found = [{"Name": StartRecordName, "Type": "A", "TTL": 60, "ResourceRecords": values}]
        return {"ResourceRecordSets": found if StartRecordName in self.foreign else []}


class CloudFront(_Service):
    """A distribution, and its tenants. ``foreign``: aliases of somebody else's distribution."""

    def __init__(self, quotas: Quotas, clock: Clock, chance: random.Random, calls: Calls) -> None:
        super().__init__(quotas, clock, chance, calls)
        self.foreign: set[str] = set()
        self.aliases: list[str] = ["*.fluxionia.co"]
        self.tenants: set[str] = set()
        self._version = 1
        self._updates = Bucket(quotas.distribution_update_burst, quotas.distribution_updates_per_second)
        self._creations = Bucket(quotas.distribution_tenant_burst, quotas.distribution_tenants_per_second)
        self._tags = Bucket(quotas.invalidations_per_second, quotas.invalidations_per_second)
        self._in_progress: deque[tuple[float, int]] = deque()

    def get_distribution_config(self, **_: Any) -> dict[str, Any]:
        """Return the configuration as it is when the call arrives."""
        self._call("GetDistributionConfig", READ_SECONDS)
        aliases = {"Quantity": len(self.aliases), "Items": self.aliases}
        return {"ETag": f"E{self._version}", "DistributionConfig": {"Aliases": aliases}}

    def update_distribution(self, *, IfMatch: str, DistributionConfig: Any, **_: Any) -> dict[str, Any]:  # noqa: N803
        """Replace the whole configuration, unless somebody else was faster."""
        operation, aliases = "UpdateDistribution", list(DistributionConfig["Aliases"]["Items"])
        self._call(operation, self._quotas.update_distribution_seconds, (self._updates, 1))
        if IfMatch != f"E{self._version}":
            raise self._refused(operation, "PreconditionFailed", "the ETag is not the current one")
        if taken := self.foreign.intersection(aliases):
            raise self._refused(operation, "CNAMEAlreadyExists", f"{min(taken)} is on another distribution")
        if len(aliases) > self._quotas.aliases:
            raise self._refused(operation, "TooManyDistributionCNAMEs", f"{len(aliases)} aliases")
        self.aliases = aliases
        self._version += 1
        return {"ETag": f"E{self._version}"}

    def create_distribution_tenants(self, names: Sequence[str]) -> None:
        """Make one CreateDistributionTenant each, in as many threads: together they take as long as the slowest."""
        began, ended = self._clock.ahead, self._clock.ahead
        for name in names:
            self._clock.ahead = began
            self._call("CreateDistributionTenant", TENANT_SECONDS, (self._creations, 1))
            ended = max(ended, self._clock.ahead)
            self.tenants.add(name)
        self._clock.ahead = ended

    def create_invalidation(self, *, InvalidationBatch: Any, **_: Any) -> dict[str, Any]:  # noqa: N803
        """Invalidate tags, at a rate, and not too many that are still under way."""
        operation, tags = "CreateInvalidation", len(InvalidationBatch["Paths"]["Items"])
        self._call(operation, self._quotas.create_invalidation_seconds, (self._tags, tags))
        now = self._clock.now()
        while self._in_progress and self._in_progress[0][0] <= now:
            self._in_progress.popleft()
        if sum(count for _, count in self._in_progress) + tags > self._quotas.invalidations_in_progress:
            raise self._refused(operation, "TooManyInvalidationsInProgress", "too many invalidations in progress")
        self._in_progress.append((now + self._quotas.invalidation_seconds, tags))
        return {"Invalidation": {"Id": f"I{now:.3f}"}}
