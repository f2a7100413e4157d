"""The inventory is read from where things are: tables, zone, distribution, file system, executions, suspended sites."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tenancy.domain.drift import Claim, Folder, Item, Observed
from tenancy.domain.errors import InvalidTenantItem, ServiceUnavailable
from tenancy.domain.item import TenantItem
from tenancy.domain.plan import Record, RecordSet
from tenancy.domain.record import Status, TenantRecord
from tenancy.domain.values import digest_of
from tenancy.group_commit.dns_records import record_of
from tenancy.platform import aws, step_functions
from tenancy.platform.settings import ReconcileSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.tenants import DesiredState


class Inventory:
    """The systems that are compared. For 1,000 tenants this takes about 25 calls, most of them pages."""

    def __init__(self, settings: ReconcileSettings) -> None:
        self._settings = settings
        self._desired = DesiredState(settings.tenants_table)
        self._provisioning = Provisioning(settings.provisioning_table)
        self._route53 = aws.client("route53", contended=True)
        self._cloudfront = aws.client("cloudfront", contended=True)
        self._functions = aws.client("lambda", contended=True)

    def observe(self) -> Observed:
        """Read all that there is. What changes meanwhile may look wrong, so nothing is believed that is seen once."""
        records, effects, claims = self._on_record()
        suspended = {record.host: id_ for id_, record in records.items() if record.status == Status.SUSPENDED}
        return Observed(
            items={item["tenant_id"]: _item(item) for item in self._desired.items()},
            records=records,
            effects=effects,
            claims=claims,
            zone=self._zone(),
            aliases=self._aliases(),
            folders=self._folders(),
            running=self._running() if any(record.lease for record in records.values()) else frozenset(),
            served={suspended[host] for host in self._served(sorted(suspended))},
        )

    def _on_record(self) -> tuple[dict[str, TenantRecord], dict[str, dict[str, str]], dict[str, Claim]]:
        records: dict[str, TenantRecord] = {}
        effects: dict[str, dict[str, str]] = {}
        claims: dict[str, Claim] = {}
        for item in self._provisioning.everything():
            if item["sk"] == "TENANT":
                records[item["tenant_id"]] = TenantRecord.model_validate(item)
            elif item["sk"] == "CLAIM":
                claims[item["pk"].removeprefix("CLAIM#")] = Claim(item["tenant_id"], item.get("free_at"))
            else:
                effects.setdefault(item["tenant_id"], {})[item["sk"].removeprefix("EFFECT#")] = item["target"]
        return records, effects, claims

    def _zone(self) -> dict[str, RecordSet]:
        with aws.calls("Route 53"):
            pages = self._route53.get_paginator("list_resource_record_sets").paginate(
                HostedZoneId=self._settings.hosted_zone_id
            )
            return _by_host(record_of(found) for page in pages for found in page["ResourceRecordSets"])

    def _aliases(self) -> frozenset[str]:
        with aws.calls("CloudFront"):
            found = self._cloudfront.get_distribution_config(Id=self._settings.distribution_id)
        return frozenset(found["DistributionConfig"].get("Aliases", {}).get("Items", []))

    def _folders(self) -> dict[str, Folder]:
        found = self._ask(self._settings.tenant_database_function, "InspectDatabases")["folders"]
        return {
            tenant_id: Folder(folder["current"], frozenset(folder["files"]), frozenset(folder["logs"]))
            for tenant_id, folder in found.items()
        }

    def _running(self) -> set[str]:
        return step_functions.running(
            [self._settings.onboard_state_machine_arn, self._settings.offboard_state_machine_arn]
        )

    def _served(self, hosts: list[str]) -> list[str]:
        return self._ask(self._settings.tenant_probe_function, "VisitSuspended", hosts=hosts)["served"] if hosts else []

    def _ask(self, function: str, stage: str, **more: Any) -> Any:
        """Ask another function what this one can't see. Raises ServiceUnavailable if it fails."""
        call = {"tenant_id": "", "stage": stage, "execution_arn": "", **more}
        with aws.calls("Lambda"):
            answer = self._functions.invoke(FunctionName=function, Payload=json.dumps(call).encode())
            found: Mapping[str, Any] = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise ServiceUnavailable(f"{function} could not do {stage}: {found.get('errorMessage')}")
        return found


def _item(raw: Mapping[str, Any]) -> Item:
    requested_at = raw.get("requested_at")
    try:
        return Item(digest_of(TenantItem.parse(raw).spec), requested_at)
    except InvalidTenantItem:
        return Item(None, requested_at if isinstance(requested_at, str) else None)


def _by_host(records: Iterable[Record]) -> dict[str, RecordSet]:
    hosts: dict[str, set[Record]] = {}
    for record in records:
        hosts.setdefault(record.host, set()).add(record)
    return {host: frozenset(found) for host, found in hosts.items()}
