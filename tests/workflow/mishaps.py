"""One tenant's calls, as a fault rule finds them among those of all others; and what to look at afterwards."""

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from control.stacks import Output
from tenancy.domain import events, hostnames
from tenancy.domain.envelope import Event
from tenancy.platform import clock

from .embedded import EmbeddedAws

type Call = dict[str, Any]
"""Fields of a fault rule that strike one call (local_aws/README.md, Faults)."""

FORWARD = {
    "ClaimTenant": "TenantClaimed",
    "AttachCname": "CnameAttached",
    "CreateDnsRecords": "DnsRecordsCreated",
    "SeedDatabase": "DatabaseSeeded",
    "InvalidateCache": "CacheInvalidated",
    "VerifyTenant": "TenantVerified",
    "ActivateTenant": "TenantActivated",
}
"""States on the way to a live tenant, and the event that each ends with."""
UNDOING = {
    "DiscardDatabase": "DatabaseDiscarded",
    "DeleteDnsRecords": "DnsRecordsDeleted",
    "DetachCname": "CnameDetached",
}
"""States of the way back, in their order."""
_FUNCTIONS = {
    "ClaimTenant": "TenantRecord",
    "AttachCname": "CdnAliases",
    "CreateDnsRecords": "DnsRecords",
    "SeedDatabase": "TenantDatabase",
    "InvalidateCache": "EdgeCache",
    "VerifyTenant": "TenantProbe",
    "ActivateTenant": "TenantRecord",
    "RollBack": "TenantRecord",
    "DiscardDatabase": "TenantDatabase",
    "DeleteDnsRecords": "DnsRecords",
    "DetachCname": "CdnAliases",
    "RecordFailure": "TenantRecord",
}
ROLES = [
    f"fluxion-{function}Role-*"
    for function in (*dict.fromkeys(_FUNCTIONS.values()), "StartWorkflow", "PublishEvents", "FailureNotifier")
]
"""The roles of all functions that a tenant's way leads through, as rules' `principal`."""
DENIED = {"code": "AccessDeniedException", "message": "not authorized to perform this"}


def role_of(state: str) -> str:
    """The role of the function that works for a state, as a rule's `principal`."""
    return f"fluxion-{_FUNCTIONS[state]}Role-*"


def effect_of(aws: EmbeddedAws, state: str, tenant_id: str) -> Call:
    """The call by which a state changes a shared system for this tenant. Of a state that changes none: its first one.

    DetachCname has none that names the tenant: its host is what the call leaves out.
    """
    change = "<Action>{}</Action><ResourceRecordSet><Name>" + aws.host(tenant_id) + "<"
    whole_distribution = {"service": "cloudfront", "operation": "UpdateDistribution"}
    zone = {"service": "route53", "operation": "ChangeResourceRecordSets"}
    invalidation = {"service": "cloudfront", "operation": "CreateInvalidation", "match": f"<Path>#tenant:{tenant_id}<"}
    found: dict[str, Call] = {
        "AttachCname": whole_distribution | {"match": f">{aws.host(tenant_id)}<"},
        "CreateDnsRecords": zone | {"match": change.format("CREATE")},
        "SeedDatabase": _own("PutItem", tenant_id),
        "InvalidateCache": invalidation,
        "VerifyTenant": _own("GetItem", tenant_id),
        "RollBack": _own("Query", tenant_id),
        "DeleteDnsRecords": zone | {"match": change.format("DELETE")},
    }
    return found[state] | {"principal": role_of(state)}


def _own(operation: str, tenant_id: str) -> Call:
    return {"service": "dynamodb", "operation": operation, "match": f'"TENANT#{tenant_id}"'}


def result_of(_: EmbeddedAws, state: str, tenant_id: str, *, failed_stage: str = "") -> Call:
    """The transaction that records a state's result in the tenant's first run: it has the event's id, which is known.

    failed_stage: of RecordFailure, which state failed.
    """
    kind = (FORWARD | UNDOING | {"RecordFailure": "TenantOnboardingFailed"})[state]
    fact = events.TYPES[kind].model_construct(stage=failed_stage or state, attempt=1)
    event = Event.of(fact, tenant_id=tenant_id, generation=1, execution_arn="", occurred_at="")
    call = {"service": "dynamodb", "operation": "TransactWriteItems", "principal": role_of(state)}
    return call | {"match": event.metadata.id}


# --- afterwards -------------------------------------------------------------------------------------------------------


def failures(aws: EmbeddedAws, tenant_id: str) -> list[dict[str, Any]]:
    """What the outbox says of the tenant's failures: the events' data, oldest first."""
    kinds = {kind for kind, fact in events.TYPES.items() if issubclass(fact, events.Failure)}
    items = [item for item in aws.items(tenant_id) if item["sk"].startswith("EVENT#") and item["type"] in kinds]
    return [json.loads(item["detail"])["data"] for item in items]


def in_order(got: Sequence[dict[str, Any]], tenant_id: str) -> list[str]:
    """Types of a tenant's events as the bus delivered them, each once."""
    mine = [event for event in got if event["detail"]["metadata"]["tenant_id"] == tenant_id]
    return list({event["detail"]["metadata"]["id"]: event["detail-type"] for event in mine}.values())


def hasten(aws: EmbeddedAws, *tenants: str) -> None:
    """As if the pause of these tenants were over, if they are in one: they are due now."""
    for tenant_id in tenants:
        with contextlib.suppress(aws.client("dynamodb").exceptions.ConditionalCheckFailedException):
            aws.provisioning.update_item(
                Key={"pk": f"TENANT#{tenant_id}", "sk": "TENANT"},
                UpdateExpression="SET due_at = :now",
                ConditionExpression="attribute_exists(due_at)",
                ExpressionAttributeValues={":now": clock.now(-1)},
            )


def reconcile(aws: EmbeddedAws, *tenants: str) -> None:
    """The pause of these tenants is over, and the schedule looks who is due."""
    hasten(aws, *tenants)
    aws.invoke("fluxion-reconcile", {})


def is_live(aws: EmbeddedAws, tenant_id: str) -> bool:
    """Live, and everything that belongs to it is there, once."""
    host = aws.host(tenant_id)
    kinds = sorted(kind for name, kind in aws.zone() if name == host and kind != "TXT")
    names = [name for name in aws.files(tenant_id) if name == "current" or name.endswith((".duckdb", ".partial"))]
    answer = aws.get(host)
    return (
        aws.record(tenant_id)["status"] == "ACTIVE"
        and answer.status_code == 200
        and answer.json()["tenant_id"] == tenant_id
        and kinds == ["A", "AAAA"]
        and aws.aliases().count(host) == 1
        and len(names) == 2
    )


def left_over(aws: EmbeddedAws, tenant_id: str) -> list[str]:
    """What is left of a tenant beside strangers' things."""
    return [name for name in aws.left_over(tenant_id) if name not in ("TXT record", "file apuntes.txt")]


# --- what belongs to others -------------------------------------------------------------------------------------------


class Strangers:
    """Somebody else's things beside the tenants': records, an alias of another distribution, files."""

    def __init__(self, aws: EmbeddedAws) -> None:
        self._aws = aws
        self._files: list[Path] = []
        self._records: list[tuple[str, str]] = []
        self._distribution = ""

    def put_record(self, tenant_id: str, kind: str, value: str) -> None:
        """A record at a tenant's host."""
        self._aws.create_record(tenant_id, kind, value)
        self._records.append((self._aws.host(tenant_id), kind))

    def put_distribution(self, tenant_id: str) -> None:
        """Another distribution that has a tenant's host as its alias."""
        cloudfront = self._aws.client("cloudfront")
        config = cloudfront.get_distribution_config(Id=self._aws.outputs[Output.DISTRIBUTION])["DistributionConfig"]
        aliases = {"Quantity": 1, "Items": [self._aws.host(tenant_id)]}
        config |= {"CallerReference": f"stranger-{tenant_id}", "Aliases": aliases, "Enabled": False}
        self._distribution = cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"]

    def put_file(self, name: str) -> None:
        """A file below the tenants' folder."""
        path = self._aws.data / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"not the control plane's\n" * 7)
        self._files.append(path)

    def snapshot(self) -> dict[str, Any]:
        """All of it, to the last bit; None for what is gone."""
        zone = self._aws.zone()
        found = self._aws.client("cloudfront").get_distribution_config(Id=self._distribution)
        return {
            "records": {key: zone.get(key) for key in self._records},
            "distribution": (found["ETag"], found["DistributionConfig"]),
            "files": {str(path): _bits(path) for path in self._files},
        }


def _bits(path: Path) -> tuple[bytes, int, int, int] | None:
    """Content, inode, mode and time of last change in ns."""
    try:
        stat = path.stat()
        return path.read_bytes(), stat.st_ino, stat.st_mode, stat.st_mtime_ns
    except FileNotFoundError:
        return None


def claim_of(tenant_id: str) -> str:
    """Key of the claim on a tenant's name."""
    return f"CLAIM#{hostnames.skeleton(tenant_id)}"
