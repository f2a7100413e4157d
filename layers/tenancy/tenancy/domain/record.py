"""A record of the ``provisioning`` table says what is; here it is a value."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Status(StrEnum):
    """What a tenant's visitors get."""

    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    FAILED = "FAILED"
    ROLLBACK_INCOMPLETE = "ROLLBACK_INCOMPLETE"
    OFFBOARDING = "OFFBOARDING"
    OFFBOARDED = "OFFBOARDED"

    @property
    def is_served(self) -> bool:
        """Return whether the tenant is live for its visitors, be it with a notice."""
        return self in (Status.ACTIVE, Status.SUSPENDED)

    @property
    def keeps_its_database(self) -> bool:
        """Return whether the tenant's database, if it has one, is to stay."""
        return self in (Status.PENDING, Status.ACTIVE, Status.SUSPENDED)


class OperationKind(StrEnum):
    """What the control plane is doing to a tenant."""

    ONBOARD = "onboard"
    UPDATE = "update"
    SUSPEND = "suspend"
    RESUME = "resume"
    OFFBOARD = "offboard"


class OperationState(StrEnum):
    """How far an operation has come."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STALLED = "STALLED"
    HELD = "HELD"
    ROLLING_BACK = "ROLLING_BACK"


class DueFor(StrEnum):
    """What an item of the table is due for at its ``due_at``."""

    RETRY = "retry"
    """A tenant that stalled, or whose roll-back is not complete."""
    OFFBOARD = "offboard"
    """A held tenant, when its grace period is over."""
    CONFIRMATION = "confirmation"
    """One of too many held tenants: it waits for a person who says that all of them are meant."""
    EXPIRY = "expiry"
    """An archive: to be looked for, since the bucket removes it by itself some day."""


class Lease(BaseModel):
    """Which execution is responsible for a tenant."""

    model_config = ConfigDict(frozen=True)

    holder: str
    since: str


class Operation(BaseModel):
    """What the control plane is doing, or did last."""

    model_config = ConfigDict(frozen=True)

    kind: OperationKind
    state: OperationState
    stage: str
    execution_arn: str
    started_at: str


class TenantRecord(BaseModel):
    """A tenant as the control plane sees it. Attributes that a later version may add are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tenant_id: str
    status: Status
    generation: int = 0
    attempt: int = 0
    requested: int = 0
    seen: int = 0
    lease: Lease | None = None
    operation: Operation
    last_error: dict[str, str] | None = None
    stalls: int = 0
    requested_at: str | None = None
    due_for: str | None = None
    due_at: str | None = None
    hold_until: str | None = None
    spec: dict[str, Any] = Field(default_factory=dict)
    spec_digest: str = ""
    skeleton: str = ""
    host: str = ""
    database_path: str | None = None
    content_digest: str | None = None
    schema_version: int | None = None
    migration_error: dict[str, Any] | None = None
    archive: dict[str, Any] | None = None
    removed_by: str | None = None
    confirmed_by: str | None = None
    purging: dict[str, Any] | None = None
    purged: dict[str, Any] | None = None
    restored: dict[str, str] | None = None
    restoring: dict[str, Any] | None = None
    adopted: dict[str, Any] | None = None
    adopting: dict[str, Any] | None = None
    live_since: str | None = None
    created_at: str
    updated_at: str

    def is_held_by(self, execution_arn: str) -> bool:
        """Return whether an execution holds the tenant's lease."""
        return self.lease is not None and self.lease.holder == execution_arn

    @property
    def found_records(self) -> frozenset[str]:
        """Return the types of the host's records that were there before the tenant, and stay if it is never live."""
        return frozenset((self.adopting or {}).get("records", ()))

    @property
    def found_alias(self) -> bool:
        """Return the same of the host as an alias of the distribution."""
        return bool((self.adopting or {}).get("alias"))

    @property
    def is_wanted(self) -> bool:
        """Return whether the tenant's effects on shared systems are to be there, or to be undone."""
        is_leaving = self.status in (Status.OFFBOARDING, Status.OFFBOARDED)
        return not is_leaving and not self.is_rolling_back

    @property
    def has_database_in_service(self) -> bool:
        """Return whether there is a database that is to stay. That of a tenant that leaves is archived as it is."""
        return self.database_path is not None and self.status.keeps_its_database and self.is_wanted

    @property
    def is_rolling_back(self) -> bool:
        """Return whether what a failed onboarding has begun is being undone."""
        return self.operation.state == OperationState.ROLLING_BACK

    @property
    def known_databases(self) -> set[str]:
        """Return files that may be the current one: that on record, and one that a restore has published since."""
        return {path for path in (self.database_path, (self.restoring or {}).get("database")) if path}

    @property
    def was_ever_live(self) -> bool:
        """Return whether a failure must leave the tenant's site alone."""
        return self.live_since is not None
