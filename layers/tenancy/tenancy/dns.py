"""The hosted zone: A and AAAA alias records of the tenants, written by CREATE, so that nobody's record is replaced."""

from collections.abc import Sequence
from typing import Any

from tenancy import aws, batching
from tenancy.errors import PermanentError, RecordBelongsToOthers, TenancyError, ZoneBusy, ZoneRefusedRecord
from tenancy.events import DnsRecordsCreated
from tenancy.group_commit import Result, Start, Work
from tenancy.model import TenantRecord
from tenancy.plan import Record, RecordSet, alias_records, plan_zone
from tenancy.settings import DnsSettings

WHO = "Route 53"

# Every CloudFront distribution is an alias target in this zone (Route 53 API reference, AliasTarget).
_CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
# 250 records a call: a fourth of what a call may hold costs nothing, since the quota counts records, and a poison
# record then holds up fewer others.
_TENANTS_A_CALL = 125

_KNOWN = {
    "InvalidChangeBatch": ZoneRefusedRecord,
    "PriorRequestNotComplete": ZoneBusy,
}


class HostedZone:
    """The zone of the base domain."""

    system = "dns_records"

    def __init__(self, settings: DnsSettings) -> None:
        self.settings = settings
        self._zone_id = settings.hosted_zone_id
        self._target = settings.distribution_domain_name.lower().rstrip(".")

    def target(self, record: TenantRecord) -> str:
        """The distribution that the tenant's host should lead to."""
        return self._target

    def commit(self, work: Sequence[Work], start: Start) -> list[tuple[Work, Result]]:
        """Create the records of all, in as few calls as the zone's limits allow."""

        def write(batch: Sequence[Work]) -> None:
            start(batch)
            self._write(batch)

        results: list[tuple[Work, Result]] = []
        for batch in batching.packs(work, _TENANTS_A_CALL):
            for item, error in batching.commit(batch, write, divisible=ZoneRefusedRecord):
                results.append((item, self._second_look(item, error) or self._fact(item)))
        return results

    def _write(self, batch: Sequence[Work]) -> None:
        """One call for the batch: looks first at hosts of which an earlier try may have created something."""
        owned = {item.record.host for item in batch if item.is_owned}
        self._apply(batch, {host: self._look(host) for host in sorted(owned)})

    def _second_look(self, item: Work, error: TenancyError | None) -> TenancyError | None:
        """Look again at a record that the zone refused alone: what is already there, and is it ours."""
        if not isinstance(error, ZoneRefusedRecord):
            return error
        try:
            found = self._look(item.record.host)
            if not found:
                return error
            self._apply([item], {item.record.host: found})
        except TenancyError as second:
            return second
        return None

    def _apply(self, batch: Sequence[Work], observed: dict[str, RecordSet]) -> None:
        desired = {item.record.host: alias_records(item.record.host, self._target) for item in batch}
        owned = {item.record.host for item in batch if item.is_owned}
        plan = plan_zone(desired, observed, owned)
        if plan.conflicts:
            host, found = next(iter(plan.conflicts.items()))
            kind: type[PermanentError] = ZoneRefusedRecord if len(batch) > 1 else RecordBelongsToOthers
            raise kind(f"the zone already has records for {host} that this control plane did not create: {found}")
        if plan.create:
            changes = [{"Action": "CREATE", "ResourceRecordSet": _to_route53(record)} for record in plan.create]
            with aws.calls(WHO, _KNOWN):
                _route53().change_resource_record_sets(HostedZoneId=self._zone_id, ChangeBatch={"Changes": changes})

    def _look(self, host: str) -> RecordSet:
        with aws.calls(WHO, _KNOWN):
            page = _route53().list_resource_record_sets(
                HostedZoneId=self._zone_id, StartRecordName=host, StartRecordType="A", MaxItems="20"
            )
        return frozenset(record for record in map(_from_route53, page["ResourceRecordSets"]) if record.host == host)

    def _fact(self, item: Work) -> DnsRecordsCreated:
        return DnsRecordsCreated(
            stage=item.stage,
            attempt=item.record.attempt,
            host=item.record.host,
            hosted_zone_id=self._zone_id,
            target=self._target,
        )


def _route53() -> Any:
    return aws.client("route53", contended=True)


def _to_route53(record: Record) -> dict[str, Any]:
    return {
        "Name": record.host,
        "Type": record.type,
        "AliasTarget": {"HostedZoneId": _CLOUDFRONT_ZONE, "DNSName": record.value, "EvaluateTargetHealth": False},
    }


def _from_route53(found: dict[str, Any]) -> Record:
    host = found["Name"].lower().rstrip(".")
    if "AliasTarget" in found:
        return Record(host, found["Type"], found["AliasTarget"]["DNSName"].lower().rstrip("."))
    values = " ".join(value["Value"] for value in found.get("ResourceRecords", []))
    return Record(host, found["Type"], values, is_alias=False)
