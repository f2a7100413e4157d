"""Facts are what EventBridge is told, one class each; `make generate` writes their schemas to ``events/schemas/``."""

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class Fact(BaseModel):
    """What every event says: the state it comes from, and the ordinal number of this run among those of the tenant."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Later in the workflow, higher: it orders the events of one run in the audit trail.
    order: ClassVar[int]
    # Whether it is no part of the run that it is filed under.
    beside_runs: ClassVar[bool] = False

    stage: str = Field(description="Name of the state in the state machine; Reconcile for drift.")
    attempt: int = Field(description="Counts the runs of this tenant.")

    def __init_subclass__(cls, *, order: int | None = None, **config: Any) -> None:
        super().__init_subclass__(**config)
        if order is not None:
            cls.order = order

    @property
    def occasion(self) -> str:
        """Return what tells two events of this type in one run apart; nothing, for what happens once in a run."""
        return ""


class TenantClaimed(Fact, order=10):
    """The item is valid, its name is ours, and one execution is responsible for the tenant: first event of each run."""

    kind: str = Field(description="onboard; or update, suspend or resume of a tenant that is live.")
    name: str
    tier: str
    requested_by: str | None = None
    ignored_attributes: list[str] = Field(description="Attributes of the item that mean nothing to the control plane.")
    changed: list[str] = Field(
        default_factory=list, description="Names of what is asked for otherwise than in the run before."
    )
    before: dict[str, str] = Field(
        default_factory=dict, description="What was asked for before: name, tier and desired_state, where changed."
    )
    after: dict[str, str] = Field(default_factory=dict, description="What is asked for now, of the same.")


class CnameAttached(Fact, order=20):
    """The distribution answers for the tenant's host by name."""

    host: str
    distribution_id: str


class DnsRecordsCreated(Fact, order=30):
    """The zone holds the A and AAAA alias records of the tenant's host."""

    host: str
    hosted_zone_id: str
    target: str = Field(description="Domain name of the distribution that both records point at.")


class DatabaseSeeded(Fact, order=40):
    """The tenant's own database is published, or its configuration rows are up to date."""

    database_path: str = Field(description="Relative to the tenants' folder.")
    schema_version: int
    created: bool = Field(description="False when an existing database got new configuration rows.")
    restored_from: str | None = Field(
        None, description="Folder of the archive whose rows the new database has, after a restore."
    )
    adopted_from: str | None = Field(None, description="Shared database whose rows the new one has, after an adoption.")
    kept_as: str | None = Field(None, description="Folder of the archive of the database that it takes the place of.")


class CacheInvalidated(Fact, order=50):
    """CloudFront has accepted to forget what it has cached of this tenant, and of no other."""

    tag: str
    invalidation_id: str = Field(description="Several tenants may share one.")


class TenantVerified(Fact, order=60):
    """The site was asked as a visitor asks: name server, address, TLS, answer of the right tenant, twice."""

    host: str
    address: str = Field(description="The IPv4 address that the zone's own name server gave.")


class Found(BaseModel):
    """One thing that is not as it is on record."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str = Field(description="Which kind of drift it is; docs/events.md lists all.")
    where: str = Field(description="The function that owns the system in which it is.")
    what: str = Field(description="The very thing: a record, an alias, a file, a name.")
    since: str = Field(description="When it was seen first. ISO 8601, UTC.")
    repair: str = Field(description="workflow: by the tenant's own; removal: as the stack is configured; person.")


class Drift(Fact):
    """What both events of drift say. They come from no execution: its ARN in the envelope is empty."""

    beside_runs = True
    findings: list[Found] = Field(description="kind, where, what, since, repair: see the kinds of drift.")

    @property
    def occasion(self) -> str:
        """Tell findings apart by when they were seen first: the same thing may be found again within one run."""
        return "\n".join(f"{found.kind} {found.what} {found.since}" for found in self.findings)


class DriftDetected(Drift, order=97):
    """Two scans in a row have found that something is not as it is on record.

    One event for each tenant, or for each thing that is no tenant's, with all that is found for the first time. Both
    events of drift come from no execution.
    """


class DriftRepaired(Drift, order=98):
    """What was reported is not found any more, whoever has put it right."""


class Ending(Fact):
    """The last word of a run on the tenant."""


class TenantActivated(Ending, order=70):
    """The tenant is live for the first time.

    **Subscribe to this one to welcome a customer.** A tenant whose very first item says `suspended` gets
    TenantSuspended instead, and TenantResumed once it is served.
    """

    host: str


class TenantUpdated(Ending, order=71):
    """A later run of a live tenant has ended well."""

    host: str
    changed: bool = Field(description="False when everything already was as the item asks.")


class TenantSuspended(Ending, order=72):
    """Visitors get 503 from now on, and the edge was told to forget. Data, records and alias stay."""

    host: str


class TenantResumed(Ending, order=73):
    """A suspended tenant is served again."""

    host: str


class DatabaseExported(Fact, order=74):
    """A customer's data was asked for: a copy is in the bucket for 7 days. Nothing of the tenant has changed."""

    beside_runs = True
    request: str = Field(description="The same for every repetition of one request.")
    requested_by: str
    archive: str = Field(description="Folder in the archive bucket.")
    rows: dict[str, int] = Field(description="How many rows each table had.")
    bytes: int = Field(description="Size of the export without its manifest.")
    manifest_sha256: str

    @property
    def occasion(self) -> str:
        return self.request


class Migration(Fact):
    """What both events of a schema migration say. They come from no execution."""

    beside_runs = True
    to_version: int
    requested_by: str
    requested_at: str = Field(description="The same for all tenants that were asked for together.")

    @property
    def occasion(self) -> str:
        """Tell requests apart: a migration may be asked for, and fail, more than once within one run."""
        return f"{self.to_version} {self.requested_at}"


class DatabaseMigrated(Migration, order=75):
    """The tenant's database has a later version of the schema.

    It belongs to no run; `attempt` is that of the last one.
    """

    from_version: int
    database_path: str = Field(description="The new file, relative to the tenants' folder.")


class DatabaseArchived(Fact, order=83):
    """The tenant's rows are in the archive, and its database is gone."""

    archive: str | None = Field(description="Folder in the archive bucket; null if there was no database.")
    rows: dict[str, int] = Field(description="How many rows each table had.")
    bytes: int = Field(description="Size of the archive without its manifest.")
    manifest_sha256: str | None


class HostnameReleased(Fact, order=85):
    """Nobody holds the name any more; names that look like it are kept from others until the cool-down is over."""

    host: str
    free_at: str = Field(description="From when on a look-alike may be claimed. The same id may return at any time.")


class TenantOffboarded(Ending, order=86):
    """Nothing of the tenant is left but its archive and its record."""

    host: str
    requested_by: str | None = Field(
        None, description="Who removed the item with `fluxion tenants remove`; otherwise CloudTrail knows."
    )
    confirmed_by: str | None = Field(None, description="Who confirmed it, if it was held among many.")


class ArchiveExpired(Fact, order=87):
    """The archive of a tenant's database is gone from the bucket, after ArchiveRetentionDays.

    Generation and attempt are those of the run that had made it; the tenant may be back since.
    """

    beside_runs = True
    archive: str = Field(description="Folder in the archive bucket, of which nothing is left.")
    manifest_sha256: str


class TenantPurged(Fact, order=95):
    """All data of a tenant that was taken down is erased, but for what runs out by itself.

    **Subscribe to this one if you keep data of tenants, and erase yours.**
    """

    beside_runs = True
    requested_by: str
    archive_files: int = Field(description="Versions of files in the archive bucket that were erased.")
    archive_bytes: int
    manifests: list[str] = Field(description="SHA-256 of the manifests of the archives that were erased.")
    database_files: int = Field(description="Files that were left in the tenant's folder, and were erased.")
    events: int = Field(description="Events that were erased from the audit trail.")
    effects: int


class DatabaseDiscarded(Fact, order=80):
    """The database of a tenant that was never live is gone; nobody but the control plane had written to it."""


class DnsRecordsDeleted(Fact, order=81):
    """The zone holds no record any more that the control plane created for the tenant's host."""

    host: str
    hosted_zone_id: str
    target: str = Field(description="Domain name of the distribution that the records pointed at.")


class CnameDetached(Fact, order=82):
    """The distribution does not list the tenant's host any more."""

    host: str
    distribution_id: str


class Failure(Ending):
    """What the failure events share. Each of them is e-mailed."""

    status: str = Field(description="What the tenant's visitors get now.")
    name: str | None = Field(None, description="The tenant's display name, if a valid item was ever seen.")
    code: str = Field(description="Name of the error; the runbook is called by it.")
    message: str
    remedy: str = Field(description="What a person should do.")
    remaining: list[str] = Field(
        default_factory=list, description="Systems in which something of the tenant is left that is still to be undone."
    )
    undo_errors: list[str] = Field(default_factory=list, description="What kept it from being undone.")


class TenantOnboardingFailed(Failure, order=90):
    """A tenant that was never live can't be onboarded without a person. What was begun is undone, or listed."""


class TenantUpdateFailed(Failure, order=91):
    """A change of a live tenant can't be carried out; its site is as it was."""


class TenantOffboardingFailed(Failure, order=93):
    """The tenant is not served any more, and something of it is still there. It is tried again with growing pauses."""


class TenantStalled(Failure, order=92):
    """Retries are used up, or the execution was stopped. Nothing is undone; a later run starts by itself."""


class DatabaseMigrationFailed(Migration, Failure, order=94):
    """The tenant's rows do not fit a step of the schema; its database is as it was, and in service.

    It belongs to no run. `message` holds no value of a row.
    """


TYPES: dict[str, type[Fact]] = {
    fact.__name__: fact
    for fact in (
        TenantClaimed, CnameAttached, DnsRecordsCreated, DatabaseSeeded, CacheInvalidated, TenantVerified,
        TenantActivated, TenantUpdated, TenantSuspended, TenantResumed, DatabaseExported, DatabaseMigrated,
        DatabaseDiscarded, DnsRecordsDeleted, CnameDetached, DatabaseArchived, HostnameReleased, TenantOffboarded,
        ArchiveExpired, TenantPurged,
        TenantOnboardingFailed, TenantUpdateFailed, TenantOffboardingFailed, TenantStalled,
        DatabaseMigrationFailed, DriftDetected, DriftRepaired,
    )
}  # fmt: skip
