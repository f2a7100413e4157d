"""PurgeDatabase: a tenant that was taken down is forgotten. Asked for by a person, beside the workflow.

Files first, then items, the record and its event last; how far it has come is on the record. So it goes on after a
crash at any point, and once more answers the same receipt. Each step is tied to the record as it was read: a tenant
that comes back meanwhile is a new one, of whom nothing is erased.
"""

import itertools
from pathlib import Path
from typing import Any

from tenancy.database import TenantDatabases, erase
from tenancy.database.failures import named_failures
from tenancy.database.paths import TenantFolder
from tenancy.domain import hostnames
from tenancy.domain.calls import OrderCall, operation
from tenancy.domain.errors import GenerationSuperseded, LeaseHeldByOther
from tenancy.domain.events import TenantPurged
from tenancy.domain.record import OperationKind, OperationState, Status, TenantRecord
from tenancy.domain.values import shown
from tenancy.platform import clock
from tenancy.platform.settings import ArchiveSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import ERASED_AT_ONCE, ConditionFailed, as_read
from tenancy.tenant_database.archive_bucket import ArchiveBucket

_DAY_SECONDS = 86_400
_COUNTS = ("archive_files", "archive_bytes", "manifests", "database_files", "events", "effects")

REMAINS: tuple[tuple[str, str, int | None], ...] = (
    ("request tables", "the tenant's id", 2),
    ("queues", "events of failures, and records that nobody could handle", 14),
    ("point-in-time recovery of the tables", "the tenant's items and records as they were", 35),
    ("executions of the state machines", "ids, and messages of errors", 90),
    ("archive fluxion-tenants of the event bus", "events: the tenant's display name, tier, who asked", 90),
    ("logs", "ids, and messages of errors, which quote a value that broke a rule", 365),
    ("mails that were sent", "the display name, messages of errors", None),
    ("exports that were downloaded, and backups that others make", "all data", None),
)
"""What cannot be erased at once: where, what of the tenant, for how many days at most. None: whoever has it decides."""


class PurgeDatabase:
    """What answers ``fluxion tenants purge``."""

    def __init__(self, settings: ArchiveSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)
        self._databases = TenantDatabases(Path(settings.tenants_directory), idle_after=0)
        self._bucket = ArchiveBucket(settings.archive_bucket)

    def purge(self, call: OrderCall) -> dict[str, Any]:
        """Erase all data of a tenant. Returns the receipt.

        What is left is a record of nothing but the id, the counters and the receipt, one event, and the claim that
        keeps the name from look-alikes for a while: it holds the name alone.
        Raises GenerationSuperseded if the tenant is not gone, or not any more; LeaseHeldByOther if an execution has it.
        """
        try:
            record = self._record(call.tenant_id)
            if receipt := _receipt(record):
                return receipt
            record = self._begun(record, call)
            # A name that breaks the rules never got a file; as part of a path or key it could lead to another's.
            if hostnames.is_valid_label(record.tenant_id):
                self._erase_archives(record)
                self._erase_files(record)
            self._erase_items(record)
            return self._finish(self._record(call.tenant_id), call)
        except ConditionFailed:
            return self._answer_of_another(call)

    def _record(self, tenant_id: str) -> TenantRecord:
        record = self._provisioning.record(tenant_id)
        if record is None:
            raise GenerationSuperseded(f"there is no record of {shown(tenant_id)}")
        if record.lease:
            raise LeaseHeldByOther(f"{record.lease.holder} works on {shown(tenant_id)}")
        if record.status not in (Status.OFFBOARDED, Status.FAILED):
            raise GenerationSuperseded(f"{shown(tenant_id)} is {record.status}: only what is taken down can be purged")
        return record

    def _answer_of_another(self, call: OrderCall) -> dict[str, Any]:
        """Answer when the record is not as it was read: the tenant was purged by somebody else, or is back."""
        record = self._record(call.tenant_id)
        if receipt := _receipt(record):
            return receipt
        raise GenerationSuperseded(f"the record of {shown(call.tenant_id)} changed during the purge: look at it again")

    def _begun(self, record: TenantRecord, call: OrderCall) -> TenantRecord:
        """Return the record with what is to be erased counted on it, before the first of it goes."""
        if (record.purging or {}).get("attempt") == record.attempt:
            return record
        files, manifests = self._found(record)
        purging = {
            "attempt": record.attempt,
            "started_at": clock.now(),
            "purged_by": call.requested_by,
            "manifests": manifests,
            "events": 0,
            "effects": 0,
            **files,
        }
        self._provisioning.update(record.tenant_id, {"purging": purging}, as_read(record))
        return record.model_copy(update={"purging": purging})

    def _found(self, record: TenantRecord) -> tuple[dict[str, int], list[str]]:
        digests = {kept.manifest_sha256 for kept in self._provisioning.archives.of(record.tenant_id)}
        digests |= {record.archive["manifest_sha256"]} if record.archive else set()
        found = {"archive_files": 0, "archive_bytes": 0, "database_files": 0}
        if hostnames.is_valid_label(record.tenant_id):
            versions = [each for each in self._bucket.versions(record.tenant_id) if not each.is_mark]
            folder = TenantFolder.of(self._databases.directory, record.tenant_id)
            found = {
                "archive_files": len(versions),
                "archive_bytes": sum(each.bytes for each in versions),
                "database_files": len(erase.left_over(folder)),
            }
        return found, sorted(digests)

    def _erase_archives(self, record: TenantRecord) -> None:
        while versions := self._bucket.some_versions(record.tenant_id):
            # Looked at after they were listed: what is listed was there while the tenant was still gone.
            self._require_unchanged(record)
            self._bucket.erase(versions)

    def _erase_files(self, record: TenantRecord) -> None:
        folder = TenantFolder.of(self._databases.directory, record.tenant_id)
        with named_failures(f"erase the files of '{record.tenant_id}'"):
            if folder.path.is_dir():
                with self._databases.hold(record.tenant_id, create=True):
                    # A tenant that is back gets its new database through this door: it is on record as back by now,
                    # or its database is not there yet.
                    self._require_unchanged(record)
                    erase.erase(folder)
            erase.erase_set_aside(folder)

    def _require_unchanged(self, record: TenantRecord) -> None:
        now = self._record(record.tenant_id)
        if (now.generation, now.attempt, now.requested) != (record.generation, record.attempt, record.requested):
            raise ConditionFailed(record.tenant_id)

    def _erase_items(self, record: TenantRecord) -> None:
        done = dict(record.purging or {})
        keys = self._provisioning.sort_keys(record.tenant_id)
        for some in itertools.batched(keys, ERASED_AT_ONCE, strict=False):
            for kind, prefix in (("events", "EVENT#"), ("effects", "EFFECT#")):
                done[kind] += sum(key.startswith(prefix) for key in some)
            fields = {"purging.events": done["events"], "purging.effects": done["effects"]}
            change = self._provisioning.transaction(record.tenant_id).set(fields).require(as_read(record))
            change.erase(*some).commit()

    def _finish(self, record: TenantRecord, call: OrderCall) -> dict[str, Any]:
        purging, moment = record.purging or {}, clock.now()
        if purging.get("attempt") != record.attempt:
            raise ConditionFailed(record.tenant_id)
        counts = {name: purging[name] for name in _COUNTS}
        receipt = {
            "tenant_id": record.tenant_id,
            "attempt": record.attempt,
            "purged_at": moment,
            "purged_by": purging["purged_by"],
            **counts,
            "remains": [
                {"where": where, "what": what, "until": clock.now(days * _DAY_SECONDS) if days else None}
                for where, what, days in REMAINS
            ],
        }
        fact = TenantPurged(stage=call.stage, attempt=record.attempt, requested_by=purging["purged_by"], **counts)
        ended = operation(OperationKind.OFFBOARD, OperationState.SUCCEEDED, call, purging["started_at"])
        kept = {"generation", "attempt", "requested", "seen", "created_at"}
        # The counters stay: the events of a tenant that comes back must not look like those of its former life.
        fields = {
            **record.model_dump(include=kept),
            "status": str(Status.OFFBOARDED),
            "operation": ended,
            "purged": receipt,
        }
        change = self._provisioning.transaction(record.tenant_id).replace(fields).require(as_read(record))
        if not change.tell(fact, generation=record.generation).commit():
            raise ConditionFailed(record.tenant_id)  # another purge was faster: its receipt counts
        return receipt


def _receipt(record: TenantRecord) -> dict[str, Any] | None:
    """Return the receipt of a purge after which nothing has happened to the tenant."""
    is_of_now = (record.purged or {}).get("attempt") == record.attempt
    return record.purged if is_of_now else None
