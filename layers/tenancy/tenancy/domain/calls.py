"""What the functions are asked, by states and by people."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from tenancy.domain.item import TenantId
from tenancy.domain.record import OperationKind, OperationState


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

    tenant_id: TenantId
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


def operation(
    kind: OperationKind, state: OperationState, call: StageCall, started_at: str, *, stage: str | None = None
) -> dict[str, str]:
    return {
        "kind": str(kind),
        "state": str(state),
        "stage": stage or call.stage,
        "execution_arn": call.execution_arn,
        "started_at": started_at,
    }
