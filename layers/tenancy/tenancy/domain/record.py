"""What people ask for (``TenantItem``) and what is (``TenantRecord``), as values.

Sources: an item of the ``tenants`` table, a record of the ``provisioning`` table, both deserialised.
"""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from tenancy import hostnames, origins
from tenancy.errors import InvalidTenantItem

LONGEST_NAME = 80
LONGEST_VALUE_SHOWN = 80


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
        """Whether the tenant is live for its visitors, be it with a notice."""
        return self in (Status.ACTIVE, Status.SUSPENDED)

    @property
    def keeps_its_database(self) -> bool:
        """Whether the tenant's database, if it has one, is to stay."""
        return self in (Status.PENDING, Status.ACTIVE, Status.SUSPENDED)


class OperationKind(StrEnum):
    """What the control plane is doing to a tenant."""

    ONBOARD = "onboard"
    UPDATE = "update"
    SUSPEND = "suspend"
    RESUME = "resume"
    OFFBOARD = "offboard"


class OperationState(StrEnum):
    """How far it has come."""

    RUNNING = "RUNNING"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    STALLED = "STALLED"
    HELD = "HELD"
    ROLLING_BACK = "ROLLING_BACK"


# --- desired state: the tenants item ----------------------------------------------------------------------------------


def _only_text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a string (DynamoDB type S)")  # noqa: TRY004 - pydantic expects ValueError
    return value


def _good_label(value: str) -> str:
    if rule := hostnames.broken_rule(value):
        raise ValueError(rule)
    return value


def _printable(value: str) -> str:
    # Categories C*: control, format (bidi overrides, zero-width), surrogate, private use, unassigned; Zl and Zp: line
    # and paragraph separators. Any of them could forge lines in a mail, a log or a terminal.
    if any(unicodedata.category(char)[0] == "C" or unicodedata.category(char) in ("Zl", "Zp") for char in value):
        raise ValueError("must not contain control characters or line breaks")
    return value


def _name_length(value: str) -> str:
    if not 1 <= len(value) <= LONGEST_NAME:
        raise ValueError(f"must have 1 to {LONGEST_NAME} characters, and has {len(value)}")
    if value != value.strip():
        raise ValueError("must not begin or end with a space")
    return value


def _one_of(*allowed: str) -> BeforeValidator:
    def check(value: object) -> object:
        if value not in allowed:
            raise ValueError(f"must be one of: {', '.join(allowed)}")
        return value

    return BeforeValidator(check)


def _email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if not (at and local and "." in domain.strip(".") and len(value) <= 254) or any(char.isspace() for char in value):
        raise ValueError("must be an e-mail address of at most 254 characters")
    return value


def _short_text(value: str) -> str:
    if len(value) > 200:
        raise ValueError(f"must have at most 200 characters, and has {len(value)}")
    return value


def _settings(value: object) -> object:
    if not isinstance(value, Mapping):
        raise ValueError("must be a map (DynamoDB type M)")  # noqa: TRY004
    if len(value) > 50:
        raise ValueError(f"must have at most 50 entries, and has {len(value)}")
    for key, entry in value.items():
        if not (isinstance(key, str) and key.isascii() and key.replace("_", "").isalnum() and len(key) <= 40):
            raise ValueError(f"entry {shown(key)}: a name consists of a-z, A-Z, 0-9 and _, at most 40 characters")
        if isinstance(entry, str):
            _printable(entry)
            if len(entry) > 500:
                raise ValueError(f"entry '{key}': must have at most 500 characters, and has {len(entry)}")
        elif not isinstance(entry, bool | int | float | Decimal):
            raise ValueError(f"entry '{key}': must be a string, a number or a boolean")  # noqa: TRY004
    return {key: _plain_number(entry) for key, entry in value.items()}


def _plain_number(value: Any) -> Any:
    if not isinstance(value, Decimal):
        return value
    return int(value) if value == value.to_integral_value() else float(value)


def _refused(value: object) -> object:
    raise ValueError("customers' own domains are not available in this edge mode; remove the attribute")


Text = Annotated[str, BeforeValidator(_only_text)]
ShortText = Annotated[Text, AfterValidator(_short_text), AfterValidator(_printable)]


class TenantItem(BaseModel):
    """One valid item of the ``tenants`` table. Attributes that are not listed here are ignored, and named."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tenant_id: Annotated[Text, AfterValidator(_good_label)]
    name: Annotated[Text, AfterValidator(_name_length), AfterValidator(_printable)]
    desired_state: Annotated[Literal["active", "suspended"], _one_of("active", "suspended")] = "active"
    tier: Annotated[Literal["basic", "standard", "premium"], _one_of("basic", "standard", "premium")] = "standard"
    contact_email: Annotated[Text, AfterValidator(_email), AfterValidator(_printable)] | None = None
    settings: Annotated[dict[str, str | bool | int | float], BeforeValidator(_settings)] = Field(default_factory=dict)
    domains: Annotated[None, BeforeValidator(_refused)] = None
    restore: Annotated[dict[str, str], BeforeValidator(origins.restore)] | None = None
    adopt: Annotated[dict[str, Any], BeforeValidator(origins.adopt)] | None = None
    requested_by: ShortText | None = None
    requested_at: ShortText | None = None

    @classmethod
    def parse(cls, item: Mapping[str, Any]) -> "TenantItem":
        """The item as a value.

        Raises InvalidTenantItem, whose message names every field, value and rule that is broken.
        """
        try:
            return cls.model_validate({key: value for key, value in item.items() if value is not None})
        except ValidationError as error:
            raise InvalidTenantItem("; ".join(_violation(found, item) for found in error.errors())) from None

    @classmethod
    def ignored_attributes(cls, item: Mapping[str, Any]) -> list[str]:
        """Names of attributes that mean nothing here, at most 20 of them, cut to 80 characters."""
        return sorted(key[:80] for key in item if key not in cls.model_fields)[:20]

    @property
    def spec(self) -> dict[str, Any]:
        """What the stages act on, as the record keeps it; ``requested_at`` is no such thing."""
        wanted = {"name", "tier", "contact_email", "settings", "desired_state", "restore", "adopt"}
        return self.model_dump(include=wanted, exclude_none=True)


def digest_of(value: Any) -> str:
    """SHA-256 in hex of a JSON value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def shown(value: object) -> str:
    """A value as it may stand in a message: quoted, escaped, cut."""
    text = ascii(value) if not isinstance(value, Decimal) else str(value)
    return text if len(text) <= LONGEST_VALUE_SHOWN else f"{text[: LONGEST_VALUE_SHOWN - 1]}…"


def _violation(error: Any, item: Mapping[str, Any]) -> str:
    field = str(error["loc"][0]) if error["loc"] else "item"
    if error["type"] == "missing":
        return f"{field} is missing: the item must have it"
    rule = error["ctx"]["error"] if "error" in error.get("ctx", {}) else error["msg"]
    return f"{field} {shown(item.get(field))} {rule}"


# --- observed state: the tenant record --------------------------------------------------------------------------------


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

    @property
    def found_records(self) -> frozenset[str]:
        """Types of records of the host that were there before the tenant was, and stay if it never becomes live."""
        return frozenset((self.adopting or {}).get("records", ()))

    @property
    def found_alias(self) -> bool:
        """The same of the host as an alias of the distribution."""
        return bool((self.adopting or {}).get("alias"))

    @property
    def is_wanted(self) -> bool:
        """Whether the tenant's effects on shared systems are to be there, or to be undone."""
        is_leaving = self.status in (Status.OFFBOARDING, Status.OFFBOARDED)
        return not is_leaving and not self.is_rolling_back

    @property
    def has_database_in_service(self) -> bool:
        """Whether there is a database that is to stay. That of a tenant that leaves is archived as it is."""
        return self.database_path is not None and self.status.keeps_its_database and self.is_wanted

    @property
    def is_rolling_back(self) -> bool:
        """Whether what a failed onboarding has begun is being undone."""
        return self.operation.state == OperationState.ROLLING_BACK

    @property
    def known_databases(self) -> set[str]:
        """Files that may be the tenant's current one: the one on record, and one that a restore has published since."""
        return {path for path in (self.database_path, (self.restoring or {}).get("database")) if path}

    @property
    def was_ever_live(self) -> bool:
        """Whether a failure must leave the tenant's site alone."""
        return self.live_since is not None


# --- what a state asks ------------------------------------------------------------------------------------------------


class UndoError(BaseModel):
    """A state of the roll-back failed: which, and what Step Functions caught."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stage: str
    error: str
    cause: str


class MigrationRequest(BaseModel):
    """One message of the queue of migrations: which tenant's database is to reach which version of the schema.

    requested_at: tells one request from the next; the same for all tenants of one `fluxion fleet migrate`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: Annotated[str, AfterValidator(_good_label)]
    version: Annotated[int, Field(gt=0)]
    requested_by: str
    requested_at: str

    @property
    def origin(self) -> str:
        """What its events give where those of a run give their execution."""
        return f"migration/{self.version}/{self.requested_at}"


class StageCall(BaseModel):
    """One state asks a function: for which tenant, in which execution.

    generation:  what the state machine was told by ClaimTenant; 0 before that.
    entered_at:  when the state was entered; the same for every retry within one visit of the state.
    error, cause, failed_stage: for RecordFailure, what Step Functions caught, and in which state.
    changed:     for ActivateTenant, whether any stage of this run had something to do.
    confirmed_by: for HoldTenant, who has confirmed a removal that was held among many others.
    removed_by:  for HoldTenant, who has removed the item, as the command says that was used for it.
    request, requested_by: for what a person asks a function beside the workflow; execution_arn is empty then.
    retry:       for VerifyTenant, how often the state has tried before.
    hosts:       for VisitSuspended, the sites to visit.
    database:    for InspectShared, which is no state but an operator's question: the shared file's name.
    undo_errors: for RecordFailure, ``{stage, error, cause}`` of each state that could not undo its part.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tenant_id: str
    stage: str
    execution_arn: str
    entered_at: str = ""
    generation: int = 0
    error: str = ""
    cause: str = ""
    failed_stage: str = ""
    changed: bool = False
    confirmed_by: str = ""
    removed_by: str = ""
    request: str = ""
    requested_by: str = ""
    retry: int = 0
    hosts: list[str] = Field(default_factory=list)
    undo_errors: list[UndoError] = Field(default_factory=list)
    database: str = ""
