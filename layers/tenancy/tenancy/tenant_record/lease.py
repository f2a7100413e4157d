"""The lease says who is responsible for a tenant; the states that move its record share it.

One execution at a time holds a tenant's lease. A loser counts up ``requested`` and ends; the holder gives the lease
back only if ``requested`` is what it had ``seen`` when it read the item, else it goes round again. So no change is
lost, and none is worked on twice at once.
"""

from collections.abc import Callable
from typing import Any

from tenancy.domain.calls import StateCall
from tenancy.domain.errors import ConcurrentUpdate, GenerationSuperseded, LeaseHeldByOther
from tenancy.domain.record import OperationState, TenantRecord
from tenancy.domain.values import shown
from tenancy.platform import clock, step_functions
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import ConditionFailed, where

CLAIMING = ("ClaimTenant", "HoldTenant")
DUE = ("due_for", "due_at")
_TRIES = 8


def until_undisturbed[Asked: StateCall](call: Asked, step: Callable[[Asked], dict[str, Any]]) -> dict[str, Any]:
    """Read, decide and write, again whenever somebody else wrote in between. Raises ConcurrentUpdate."""
    for _ in range(_TRIES):
        try:
            return step(call)
        except ConditionFailed:
            continue
    raise ConcurrentUpdate(
        f"the record of tenant {shown(call.tenant_id)} changed {_TRIES} times while {call.stage} read it"
    )


def require_lease(provisioning: Provisioning, record: TenantRecord | None, call: StateCall) -> None:
    """Make sure that the lease is ours, free, or left behind by an execution that has ended.

    Raises LeaseHeldByOther after the holder has been told to go round again.
    """
    if record is None or record.lease is None or record.lease.holder == call.execution_arn:
        return
    if not step_functions.is_running(record.lease.holder):
        return
    provisioning.update(
        call.tenant_id,
        {"requested": record.requested + 1},
        where(
            "lease.holder = :other AND requested = :requested", other=record.lease.holder, requested=record.requested
        ),
    )
    raise LeaseHeldByOther(f"{record.lease.holder} works on tenant {shown(call.tenant_id)} and goes round again")


def refuse_others(record: TenantRecord | None, call: StateCall) -> TenantRecord:
    """Return the record, unless another execution has it. One without a lease may be what this call left behind.

    Raises LeaseHeldByOther.
    """
    if record is None or (record.lease and record.lease.holder != call.execution_arn):
        raise held_by_other(call)
    return record


def held_by_other(call: StateCall) -> LeaseHeldByOther:
    """Return the error of a call whose tenant is another execution's."""
    return LeaseHeldByOther(f"tenant {shown(call.tenant_id)} is not in the hands of {call.execution_arn} now")


def is_mine(record: TenantRecord | None, call: StateCall) -> bool:
    """Return whether this execution holds the tenant's lease."""
    return record is not None and record.is_held_by(call.execution_arn)


def has_begun(record: TenantRecord, call: StateCall) -> bool:
    """Return whether this very call has succeeded before, and only its answer was lost."""
    return (
        is_mine(record, call)
        and record.operation.execution_arn == call.execution_arn
        and (record.operation.stage, record.operation.state) == (call.stage, OperationState.RUNNING)
    )


def is_over(record: TenantRecord | None, call: StateCall) -> bool:
    """Return whether this very execution is on record as ended. Its functions may still be at work for some seconds."""
    if record is None or record.lease is not None:
        return False
    return (record.last_error or {}).get("execution_arn") == call.execution_arn


def refuse_the_dead(record: TenantRecord | None, call: StateCall) -> None:
    """Raise GenerationSuperseded if this execution is on record as ended: it has no say any more."""
    if is_over(record, call):
        raise GenerationSuperseded(f"{call.execution_arn} is on record as ended")


def first_fields(record: TenantRecord | None) -> dict[str, Any]:
    """Return what a record needs that is written for the first time."""
    if record:
        return {"generation": record.generation}
    return {"generation": 0, "requested": 0, "seen": 0, "created_at": clock.now()}
