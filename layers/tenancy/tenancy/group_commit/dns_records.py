"""CreateDnsRecords and DeleteDnsRecords: the hosted zone gets the tenants' A and AAAA alias records.

By CREATE and DELETE: nobody's record is replaced.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger

from tenancy.domain.batching import Measures, Pace, Rate, Rules
from tenancy.domain.errors import RecordBelongsToOthers, TenancyError, ZoneBusy, ZoneQuotaExceeded, ZoneRefusedRecord
from tenancy.domain.events import DnsRecordsCreated, DnsRecordsDeleted
from tenancy.domain.plan import Record, RecordSet, alias_records, beyond_quota, plan_zone
from tenancy.domain.record import TenantRecord
from tenancy.domain.systems import System
from tenancy.group_commit.protocol import Result, Start, Work
from tenancy.platform import aws, quota
from tenancy.platform.settings import DnsSettings

WHO = "Route 53"

# Every CloudFront distribution is an alias target in this zone (Route 53 API reference, AliasTarget).
_CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
# Of one call: Route 53 takes 1,000 records and 32,000 characters of values (API reference, ChangeResourceRecordSets).
# A fourth of the records takes no longer in all, since the quota counts records, and a poison record holds up fewer.
_RECORDS_A_CALL, _CHARACTERS_A_CALL = 250, 32_000
# A zone is busy for a moment after each change, and refuses the next one meanwhile (PriorRequestNotComplete). To wait
# for so many seconds costs less than to be refused.
_ZONE_RESTS = 0.2

_COUNT_KEPT_SECONDS, _NEARLY_FULL = 60.0, 0.8

_IN_THE_WAY = ("A", "AAAA", "CNAME")

_KNOWN = {"InvalidChangeBatch": ZoneRefusedRecord, "PriorRequestNotComplete": ZoneBusy}


logger = Logger(child=True)


class HostedZone:
    """The zone of the base domain."""

    system = System.DNS_RECORDS

    def __init__(self, settings: DnsSettings) -> None:
        self._settings = settings
        self._route53 = aws.client("route53", contended=True)
        self._zone_id = settings.hosted_zone_id
        self._target = settings.distribution_domain_name.lower().rstrip(".")
        self._count = 0, float("-inf")  # records in the zone, and when they were counted
        self.rules = Rules[Work](
            limits={"tenants": settings.tenants_a_call, "records": _RECORDS_A_CALL, "characters": _CHARACTERS_A_CALL},
            measure=self._measure,
            cost=self._cost,
            divisible=(ZoneRefusedRecord,),
        )
        self.pace = Pace(
            {
                "changes": Rate(settings.zone_change_burst, settings.zone_changes_per_second),
                "requests": Rate(settings.zone_request_burst, settings.zone_requests_per_second),
                "turns": Rate(1, 1 / _ZONE_RESTS),
            }
        )

    def _measure(self, item: Work) -> Measures:
        records = self._records(item)
        return {"tenants": 1, "records": len(records), "characters": sum(len(record.value) for record in records)}

    def _cost(self, batch: Sequence[Work]) -> Measures:
        looks = sum(item.is_owned for item in batch)
        return {"turns": 1, "requests": 1 + looks, "changes": sum(len(self._records(item)) for item in batch)}

    def _records(self, item: Work) -> RecordSet:
        return alias_records(item.record.host, self._target)

    def _undone(self, item: Work) -> RecordSet:
        """Return what may be deleted: not what was there before the tenant was."""
        return frozenset(record for record in self._records(item) if record.type not in item.record.found_records)

    def target(self, record: TenantRecord) -> str:
        """Return the distribution that the tenant's host should lead to."""
        return self._target

    def write(self, batch: Sequence[Work], start: Start) -> Sequence[Result]:
        """Create the records of all, or delete those that are to be undone. Looks first at hosts of which an earlier
        try may have created something.
        """
        refused: dict[str, TenancyError] = {**self._no_room(batch), **self._not_as_proven(batch)}
        good = [item for item in batch if item.record.host not in refused]
        results = iter(self._write(good, start) if good else ())
        return [refused.get(item.record.host) or next(results) for item in batch]

    def _not_as_proven(self, batch: Sequence[Work]) -> dict[str, RecordBelongsToOthers]:
        """Refuse hosts that are to be adopted, and whose records are not exactly what the operator has proven."""
        differs = {}
        for item in batch:
            if item.is_wanted and item.is_adopted:
                proven = {record for record in self._records(item) if record.type in item.record.found_records}
                found = {record for record in self._look(item.record.host) if record.type in _IN_THE_WAY}
                if found != proven:
                    differs[item.record.host] = RecordBelongsToOthers(
                        f"the records of {item.record.host} are not those that were to be adopted: "
                        f"{', '.join(f'{record.type} {record.value}' for record in sorted(found ^ proven))}; if it has "
                        "been adopted already, take adopt out of the item"
                    )
        return differs

    def _write(self, batch: Sequence[Work], start: Start) -> Sequence[Result]:
        start(batch)
        observed = {host: self._look(host) for host in sorted(_owned(batch))}
        try:
            return self._apply(batch, observed)
        except ZoneRefusedRecord:
            if len(batch) > 1:
                raise
            host = batch[0].record.host
            found = self._look(host)
            if found == observed.get(host, frozenset()):
                raise
            return self._apply(batch, {host: found})

    def _apply(self, batch: Sequence[Work], observed: Mapping[str, RecordSet]) -> Sequence[Result]:
        desired = {item.record.host: self._records(item) for item in batch if item.is_wanted}
        retract = {item.record.host: self._undone(item) for item in batch if not item.is_wanted}
        plan = plan_zone(desired, observed, _owned(batch), retract)
        changes = [_change("CREATE", record) for record in plan.create]
        changes += [_change("DELETE", record) for record in plan.delete]
        if changes:
            with aws.calls(WHO, _KNOWN):
                self._route53.change_resource_record_sets(HostedZoneId=self._zone_id, ChangeBatch={"Changes": changes})
            count, since = self._count
            self._count = count + len(plan.create) - len(plan.delete), since
        return [self._result(item, plan.conflicts.get(item.record.host)) for item in batch]

    def _result(self, item: Work, in_the_way: str | None) -> Result:
        if in_the_way:
            return RecordBelongsToOthers(
                f"the zone already has records for {item.record.host} that this control plane did not create: "
                f"{in_the_way}"
            )
        return self._fact(item)

    def _no_room(self, batch: Sequence[Work]) -> dict[str, ZoneQuotaExceeded]:
        """Refuse hosts that the zone has no room for. If it can't be counted, nobody waits: the zone itself refuses."""
        wanted = {item.record.host: self._records(item) for item in batch if item.is_wanted and not item.is_owned}
        if not wanted:
            return {}
        try:
            present = self._counted()
        except TenancyError as error:
            logger.warning("the zone's records could not be counted: %s", error)
            return {}
        most = self._settings.zone_record_quota
        beyond = beyond_quota(wanted, present, most)
        quota.report("ZoneQuotaUsed", min(most, present + sum(map(len, wanted.values()))), most)
        return {host: ZoneQuotaExceeded(f"the zone may have {most} records: no room for {host}") for host in beyond}

    def _counted(self) -> int:
        """Count the zone's records, by Route 53, once a minute, or each time when it is nearly full."""
        count, since = self._count
        if time.monotonic() - since > _COUNT_KEPT_SECONDS or count > _NEARLY_FULL * self._settings.zone_record_quota:
            with aws.calls(WHO):
                found = self._route53.get_hosted_zone(Id=self._zone_id)
            self._count = int(found["HostedZone"]["ResourceRecordSetCount"]), time.monotonic()
        return self._count[0]

    def _look(self, host: str) -> RecordSet:
        with aws.calls(WHO, _KNOWN):
            page = self._route53.list_resource_record_sets(
                HostedZoneId=self._zone_id, StartRecordName=host, StartRecordType="A", MaxItems="20"
            )
        return frozenset(record for record in map(record_of, page["ResourceRecordSets"]) if record.host == host)

    def _fact(self, item: Work) -> DnsRecordsCreated | DnsRecordsDeleted:
        kind = DnsRecordsCreated if item.is_wanted else DnsRecordsDeleted
        return kind(
            stage=item.stage,
            attempt=item.record.attempt,
            host=item.record.host,
            hosted_zone_id=self._zone_id,
            target=self._target,
        )


def _owned(batch: Sequence[Work]) -> set[str]:
    return {item.record.host for item in batch if item.is_owned}


def _change(action: str, record: Record) -> dict[str, Any]:
    target = {"HostedZoneId": _CLOUDFRONT_ZONE, "DNSName": record.value, "EvaluateTargetHealth": False}
    return {"Action": action, "ResourceRecordSet": {"Name": record.host, "Type": record.type, "AliasTarget": target}}


def record_of(found: dict[str, Any]) -> Record:
    """Return a record set as Route 53 lists it."""
    host = found["Name"].lower().rstrip(".")
    if "AliasTarget" in found:
        return Record(host, found["Type"], found["AliasTarget"]["DNSName"].lower().rstrip("."))
    values = " ".join(value["Value"] for value in found.get("ResourceRecords", []))
    return Record(host, found["Type"], values, is_alias=False)
