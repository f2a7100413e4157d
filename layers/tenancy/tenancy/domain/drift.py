"""Drift is what is not as it is on record. Values in, values out.

Compared is what the control plane has made, and nothing else: a record at a host that is no tenant's, say, is not
looked at. A tenant that an execution works on is not judged at all.
"""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from enum import StrEnum

from tenancy.domain import hostnames
from tenancy.domain.plan import RecordSet, alias_records
from tenancy.domain.record import OperationState, Status, TenantRecord
from tenancy.domain.systems import System

_WAITS = (OperationState.FAILED, OperationState.STALLED)


class Kind(StrEnum):
    """What is wrong."""

    RECORD_MISSING = "RecordMissing"
    """A live tenant's record is not in the zone."""
    RECORD_CHANGED = "RecordChanged"
    """Somebody else's value stands in its place."""
    ALIAS_MISSING = "AliasMissing"
    """The distribution does not list a live tenant's host."""
    ALIAS_FOREIGN = "AliasForeign"
    """The distribution lists a host that the control plane did not put there."""
    DATABASE_MISSING = "DatabaseMissing"
    """The file of a live tenant is gone."""
    DATABASE_ORPHANED = "DatabaseOrphaned"
    """A file of nobody, or of a tenant that is gone. It may hold rows."""
    POINTER_WRONG = "PointerWrong"
    """The pointer names another file than the record does."""
    LOG_STALE = "WriteAheadLogStale"
    """A write-ahead log lies beside no database that counts. It may hold rows."""
    CLAIM_MISSING = "ClaimMissing"
    """A live tenant's name is not claimed for it."""
    CLAIM_ORPHANED = "ClaimOrphaned"
    """A name is claimed for a tenant that there is not."""
    LEASE_ABANDONED = "LeaseAbandoned"
    """An execution that has ended still counts as responsible."""
    SUSPENDED_SERVED = "SuspendedServed"
    """A suspended site is served, from a cache."""
    CHANGE_MISSED = "ChangeMissed"
    """An item that no execution has seen."""
    REMOVAL_MISSED = "RemovalMissed"
    """An item is gone, and no execution has seen that."""
    RETRY_MISSED = "RetryMissed"
    """A tenant waits for nothing, and is not as its item asks."""
    EFFECT_LEFT = "EffectLeft"
    """Something that was made for a tenant that is gone."""


DISTRUST: Mapping[Kind, System] = {
    Kind.RECORD_MISSING: System.DNS_RECORDS,
    Kind.ALIAS_MISSING: System.CDN_ALIASES,
    Kind.SUSPENDED_SERVED: System.EDGE_CACHE,
}
"""Whose result on record is not to be believed any more, so that the workflow looks again."""
_WHERE: Mapping[Kind, System] = {
    **DISTRUST,
    Kind.RECORD_CHANGED: System.DNS_RECORDS,
    Kind.ALIAS_FOREIGN: System.CDN_ALIASES,
    Kind.DATABASE_MISSING: System.TENANT_DATABASE,
    Kind.DATABASE_ORPHANED: System.TENANT_DATABASE,
    Kind.POINTER_WRONG: System.TENANT_DATABASE,
    Kind.LOG_STALE: System.TENANT_DATABASE,
}
BY_WORKFLOW = frozenset(
    {*DISTRUST, Kind.CLAIM_MISSING, Kind.LEASE_ABANDONED, Kind.CHANGE_MISSED, Kind.REMOVAL_MISSED, Kind.RETRY_MISSED}
)
"""What the tenant's own workflow puts right."""
LEFT_OVERS = frozenset({Kind.CLAIM_ORPHANED, Kind.EFFECT_LEFT})
"""What the control plane has made, and nobody needs any more: removed only if the stack is configured so."""


@dataclass(frozen=True, order=True)
class Finding:
    """One thing that is wrong. tenant_id: whose it is; of what is no tenant's, the host's label or the folder."""

    kind: Kind
    tenant_id: str
    what: str

    @property
    def key(self) -> str:
        """Return a text that is the same for the same thing in every scan."""
        return f"{self.kind}#{self.tenant_id}#{self.what}"

    @property
    def where(self) -> str:
        """Return the function that owns the system in which it is."""
        return _WHERE.get(self.kind, "tenant_record")

    @property
    def repair(self) -> str:
        """Return who puts it right: the tenant's ``workflow``, a ``removal`` if that is configured, or a ``person``."""
        return "workflow" if self.kind in BY_WORKFLOW else "removal" if self.kind in LEFT_OVERS else "person"


@dataclass(frozen=True)
class Item:
    """A tenants item: the digest of what it asks for, None if it breaks a rule; and when that was asked for."""

    digest: str | None
    requested_at: str | None = None


@dataclass(frozen=True)
class Claim:
    """Who holds a name; with free_at, who held it until lately."""

    tenant_id: str
    free_at: str | None = None


@dataclass(frozen=True)
class Folder:
    """A tenant's folder on the file system: what the pointer says, database files, and those that have a log."""

    current: str | None = None
    files: frozenset[str] = frozenset()
    logs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Observed:
    """All that there is, by tenant where nothing else is said.

    claims: by skeleton. zone: by host. effects: their targets by system, intents included. running: executions that
    have not ended. served: suspended tenants whose visitors get the site all the same.
    """

    items: Mapping[str, Item] = field(default_factory=dict)
    records: Mapping[str, TenantRecord] = field(default_factory=dict)
    effects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    claims: Mapping[str, Claim] = field(default_factory=dict)
    zone: Mapping[str, RecordSet] = field(default_factory=dict)
    aliases: Set[str] = frozenset()
    folders: Mapping[str, Folder] = field(default_factory=dict)
    running: Set[str] = frozenset()
    served: Set[str] = frozenset()


def is_table_emptied(observed: Observed) -> bool:
    """Return whether tenants are served, and not one is asked for. Then nothing that is seen is to be believed."""
    return not observed.items and any(record.status.is_served for record in observed.records.values())


def find(observed: Observed, base_domain: str) -> list[Finding]:
    """Return all that is wrong, in order."""
    found = [
        finding
        for tenant_id, record in observed.records.items()
        for finding in _of_tenant(tenant_id, record, observed, base_domain)
    ]
    found += _missed_changes(observed)
    found += _orphaned_claims(observed)
    found += _orphaned_databases(observed)
    found += _foreign_aliases(observed, base_domain)
    return sorted(set(found))


def is_judged(finding: Finding, observed: Observed) -> bool:
    """Return whether this scan says anything of a finding: nothing is said of a tenant that an execution works on."""
    record = observed.records.get(finding.tenant_id)
    return record is None or record.lease is None or finding.kind == Kind.LEASE_ABANDONED


def _of_tenant(tenant_id: str, record: TenantRecord, observed: Observed, base_domain: str) -> Iterator[Finding]:
    if record.lease is not None:
        if record.lease.holder not in observed.running:
            yield Finding(Kind.LEASE_ABANDONED, tenant_id, record.lease.holder)
        return
    effects = observed.effects.get(tenant_id, {})
    if record.status.is_served:
        yield from _records(tenant_id, record, effects, observed)
        if System.CDN_ALIASES in effects and record.host not in observed.aliases:
            yield Finding(Kind.ALIAS_MISSING, tenant_id, record.host)
        if record.database_path:
            yield from _database(tenant_id, record.database_path, observed.folders.get(tenant_id, Folder()))
        yield from _claim(tenant_id, record, observed)
        if tenant_id in observed.served and record.status == Status.SUSPENDED:
            yield Finding(Kind.SUSPENDED_SERVED, tenant_id, record.host)
    elif record.status in (Status.OFFBOARDED, Status.FAILED):
        for system in sorted(effects):
            yield Finding(Kind.EFFECT_LEFT, tenant_id, system)
    elif record.due_for is None:
        yield Finding(Kind.RETRY_MISSED, tenant_id, record.status)


def _records(tenant_id: str, record: TenantRecord, effects: Mapping[str, str], observed: Observed) -> Iterator[Finding]:
    if System.DNS_RECORDS not in effects:
        return
    there = observed.zone.get(record.host, frozenset())
    wanted = alias_records(record.host, effects[System.DNS_RECORDS])
    rivals = {found.type: found.value for found in there - wanted}
    for each in sorted(wanted - there):
        rival = next((kind for kind in (each.type, "CNAME") if kind in rivals), None)
        if rival:
            yield Finding(Kind.RECORD_CHANGED, tenant_id, f"{rival} {each.host} {rivals[rival]}")
        else:
            yield Finding(Kind.RECORD_MISSING, tenant_id, f"{each.type} {each.host}")


def _database(tenant_id: str, path: str, folder: Folder) -> Iterator[Finding]:
    name = path.rpartition("/")[2]
    if name not in folder.files:
        yield Finding(Kind.DATABASE_MISSING, tenant_id, path)
    elif folder.current != name:
        yield Finding(Kind.POINTER_WRONG, tenant_id, f"current: {folder.current or 'missing'}")
    for stale in sorted(folder.logs - {name}):
        yield Finding(Kind.LOG_STALE, tenant_id, f"{stale}.wal")


def _claim(tenant_id: str, record: TenantRecord, observed: Observed) -> Iterator[Finding]:
    claim = observed.claims.get(record.skeleton)
    if claim is None or claim.tenant_id != tenant_id or claim.free_at is not None:
        yield Finding(Kind.CLAIM_MISSING, tenant_id, record.skeleton)


def _missed_changes(observed: Observed) -> Iterator[Finding]:
    """Find what was asked for and never seen: a stream that was late by more than a day has lost it.

    After a failed run nothing counts as missed: the failure is on record, and may be the item's own.
    """
    for tenant_id, item in observed.items.items():
        record = observed.records.get(tenant_id)
        if record is None:
            yield Finding(Kind.CHANGE_MISSED, tenant_id, item.requested_at or "item")
        elif record.lease is None and record.operation.state not in _WAITS:
            seen = Item(record.spec_digest, record.requested_at)
            if item != seen:
                yield Finding(Kind.CHANGE_MISSED, tenant_id, item.requested_at or "item")
    for tenant_id in sorted(observed.records.keys() - observed.items.keys()):
        record = observed.records[tenant_id]
        is_on_its_way = record.lease is not None or record.due_for is not None
        if record.status.is_served and not is_on_its_way:
            yield Finding(Kind.REMOVAL_MISSED, tenant_id, "item")


def _orphaned_claims(observed: Observed) -> Iterator[Finding]:
    for skeleton, claim in observed.claims.items():
        if claim.free_at is None and claim.tenant_id not in observed.records:
            yield Finding(Kind.CLAIM_ORPHANED, claim.tenant_id, skeleton)


def _orphaned_databases(observed: Observed) -> Iterator[Finding]:
    for tenant_id, folder in observed.folders.items():
        record = observed.records.get(tenant_id)
        is_nobodys = record is None or (record.lease is None and record.status in (Status.OFFBOARDED, Status.FAILED))
        if is_nobodys and System.TENANT_DATABASE not in observed.effects.get(tenant_id, {}):
            for name in sorted(folder.files):
                yield Finding(Kind.DATABASE_ORPHANED, tenant_id, f"{tenant_id}/{name}")


def _foreign_aliases(observed: Observed, base_domain: str) -> Iterator[Finding]:
    """Find aliases that neither the stack nor a tenant's effect accounts for."""
    ours = {record.host for tenant_id, record in observed.records.items() if observed.effects.get(tenant_id)}
    for alias in observed.aliases - ours:
        label = alias.removesuffix(f".{base_domain}")
        if alias != base_domain and label != "*" and label not in hostnames.RESERVED:
            yield Finding(Kind.ALIAS_FOREIGN, label, alias)
