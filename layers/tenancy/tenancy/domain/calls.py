"""Calls say what states and people ask of the functions: a type for each caller, with exactly what it passes."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenancy.domain.item import TenantId
from tenancy.domain.record import OperationKind, OperationState


class Asked(BaseModel):
    """Anything that is asked: what nobody has declared is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Call(Asked):
    """What each function that is called gets.

    tenant_id: empty where all tenants are meant. stage: the state, or what a person or the schedule asks beside the
    workflow; execution_arn then says who asks, or is empty.
    """

    tenant_id: str
    stage: str
    execution_arn: str


# --- states of an execution -------------------------------------------------------------------------------------------


class StateCall(Call):
    """ClaimTenant. entered_at: when the state was entered; the same for every retry within one visit of the state."""

    entered_at: str


class GenerationCall(StateCall):
    """Every state after ClaimTenant or HoldTenant. generation: what that one returned."""

    generation: int


class ActivateCall(GenerationCall):
    """ActivateTenant. changed: whether any state of this run had something to do."""

    changed: bool


class VerifyCall(GenerationCall):
    """VerifyTenant. retry: how often the state has tried before."""

    retry: int


class HoldCall(StateCall):
    """HoldTenant. Both as the execution's input says, or empty.

    confirmed_by: who has confirmed a removal that was held among many others.
    removed_by: who has removed the item, as the command says that was used for it.
    """

    confirmed_by: str
    removed_by: str


class FailureCall(StateCall):
    """RollBack. What Step Functions caught, and in which state."""

    error: str
    cause: str
    failed_stage: str


class UndoError(Asked):
    """A state of the roll-back failed: which, and what Step Functions caught."""

    stage: str
    error: str
    cause: str


class RecordFailureCall(FailureCall):
    """RecordFailure. undo_errors: of each state that could not undo its part; a removal undoes nothing."""

    undo_errors: list[UndoError] = Field(default_factory=list)


# --- beside the workflow ----------------------------------------------------------------------------------------------


class OrderCall(Call):
    """ExportDatabase and PurgeDatabase. request: tells one order from the next. requested_by: a person."""

    request: str
    requested_by: str


class InspectSharedCall(Call):
    """InspectShared, an operator's question before an adoption. database: the shared file's name."""

    database: str


class VisitSuspendedCall(Call):
    """VisitSuspended. hosts: the sites to visit."""

    hosts: list[str]


class MigrationRequest(Asked):
    """One message of the queue of migrations: which tenant's database is to reach which version of the schema.

    requested_at: tells one request from the next; the same for all tenants of one `fluxion fleet migrate`.
    """

    tenant_id: TenantId
    version: Annotated[int, Field(gt=0)]
    requested_by: str
    requested_at: str

    @property
    def origin(self) -> str:
        """Return what its events give where those of a run give their execution."""
        return f"migration/{self.version}/{self.requested_at}"


def operation(
    kind: OperationKind, state: OperationState, call: Call, started_at: str, *, stage: str | None = None
) -> dict[str, str]:
    """Return a record's operation as it stands after this call. stage: another state's name than the call's own."""
    return {
        "kind": str(kind),
        "state": str(state),
        "stage": stage or call.stage,
        "execution_arn": call.execution_arn,
        "started_at": started_at,
    }
