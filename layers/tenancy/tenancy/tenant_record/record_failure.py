"""When a state fails: the states RollBack and RecordFailure.

A tenant that was ever live keeps its status and its site. Of one that never was, nothing may be left when it failed
for good; when only the retries are used up, all that stands is kept, and a later run continues.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tenancy.domain import events
from tenancy.domain.calls import StageCall, operation
from tenancy.domain.errors import is_permanent, remedy_for
from tenancy.domain.record import DueFor, OperationKind, OperationState, Status, TenantRecord
from tenancy.domain.systems import System
from tenancy.platform import clock
from tenancy.platform.settings import RecordSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import as_read
from tenancy.tenant_record.lease import (
    CLAIMING,
    DUE,
    first_fields,
    is_mine,
    is_over,
    refuse_the_dead,
    require_lease,
    until_undisturbed,
)

# What is left in a cache of a tenant that was never live is nothing: 404 is not cached.
_NOTHING_TO_UNDO = (System.EDGE_CACHE,)
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 60, 6 * 3600


class TenantFailures:
    """The tenant record's way out of a failure."""

    def __init__(self, settings: RecordSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)

    # --- RollBack -----------------------------------------------------------------------------------------------------

    def roll_back(self, call: StageCall) -> dict[str, Any]:
        """A state failed. If it failed for good, and the tenant was never live, all that was begun is to be undone.

        From here on the writers take the tenant's effects for unwanted. Returns ``{undo, generation}``.
        """
        return until_undisturbed(call, self._try_to_roll_back)

    def _try_to_roll_back(self, call: StageCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record is None or record.was_ever_live or not is_permanent(call.error):
            return {"undo": False, "generation": 0}
        if is_rolling_back(record, call):
            return {"undo": True, "generation": record.generation}
        refuse_the_dead(record, call)
        require_lease(self._provisioning, record, call)
        if not self._remaining(record):
            return {"undo": False, "generation": 0}
        self.begin_roll_back(record, call, _error_of(call), counts=call.failed_stage in CLAIMING)
        return {"undo": True, "generation": record.generation}

    def begin_roll_back(self, record: TenantRecord, call: StageCall, error: Mapping[str, Any], *, counts: bool) -> None:
        """Take the lease, or keep it, and turn round. ``counts``: it is a run of its own."""
        moment = clock.now()
        lease = record.lease if is_mine(record, call) else None
        fields = {
            "attempt": record.attempt + (1 if counts else 0),
            "seen": record.seen if lease else record.requested,
            "lease": {"holder": call.execution_arn, "since": lease.since if lease else moment},
            "last_error": dict(error),
            "operation": operation(
                OperationKind.ONBOARD,
                OperationState.ROLLING_BACK,
                call,
                record.operation.started_at if lease else moment,
            ),
        }
        turn = self._provisioning.transaction(call.tenant_id).set(fields).remove(*DUE).require(as_read(record))
        # What was there before the tenant is not undone but forgotten.
        turn.forget(*self._provisioning.effects.found_before(record)).commit()

    def _remaining(self, record: TenantRecord) -> list[str]:
        """Systems in which something may be that was begun for the tenant."""
        systems = (effect.system for effect in self._provisioning.effects.all_of(record.tenant_id))
        return [system for system in systems if system not in _NOTHING_TO_UNDO]

    # --- RecordFailure ------------------------------------------------------------------------------------------------

    def record_failure(self, call: StageCall, *, has_ended: bool = False) -> dict[str, Any]:
        """A state failed for good, or its retries are used up: say so, in the record and in the outbox.

        A tenant that was ever live keeps its status and its site. Of one that never was, nothing may be left when it
        failed for good: what is left all the same is listed, and is due for another try, and so is a tenant that has
        stalled. Returns ``{again}``.

        has_ended: it is not the execution that says so, since it is no more. It can't go round again either.
        """
        return until_undisturbed(call, lambda call: self._try_to_record_failure(call, has_ended))

    def _try_to_record_failure(self, call: StageCall, has_ended: bool) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record and _is_recorded(record, call):
            return {"again": record.lease is not None}
        if not has_ended and is_over(record, call):
            return {"again": False}
        require_lease(self._provisioning, record, call)
        error = _first_error(record, call)
        kind = _kind_of(record, call)
        state = OperationState.FAILED if is_permanent(error["code"]) else OperationState.STALLED
        is_to_be_clean = state == OperationState.FAILED and kind == OperationKind.ONBOARD
        remaining = self._remaining(record) if record and is_to_be_clean else []
        holds_lease = is_mine(record, call)
        is_asked_again = holds_lease and record is not None and record.requested != record.seen
        again = is_asked_again and not has_ended
        # A run that failed before it had claimed anything is a run all the same, and counted: its failure must not
        # look like a repetition of the last one. A roll-back has counted it already.
        is_uncounted = (call.failed_stage in CLAIMING or not holds_lease) and not (record and record.is_rolling_back)
        started_at = record.operation.started_at if record and holds_lease else clock.now()
        fields = first_fields(record) | {
            "status": str(_status_after_failure(record, kind, state, remaining)),
            "attempt": (record.attempt if record else 0) + (1 if is_uncounted else 0),
            "seen": record.requested if record else 0,
            "last_error": error,
            "operation": operation(kind, state, call, started_at, stage=error["stage"]),
            "stalls": 0,
        }
        if is_asked_again and has_ended:
            fields |= {"due_for": DueFor.RETRY, "due_at": clock.now()}
        elif record and kind == OperationKind.OFFBOARD and record.due_for == DueFor.CONFIRMATION:
            fields |= {"due_for": DueFor.CONFIRMATION, "due_at": record.due_at}  # a failure confirms nothing
        elif remaining or state == OperationState.STALLED or kind == OperationKind.OFFBOARD:
            fields |= _due_again(record.stalls if record else 0)
        is_clean = is_to_be_clean and not remaining
        fact = _failure_fact(record, fields, call, remaining)
        failure = (
            self._provisioning.transaction(call.tenant_id)
            .set(fields)
            .remove(*(() if "due_at" in fields else DUE), *(() if again else ("lease",)))
            .require(as_read(record))
            .tell(fact, generation=fields["generation"], execution_arn=call.execution_arn)
        )
        if is_clean:
            failure.remove("adopting").forget(*_NOTHING_TO_UNDO)
            if skeleton := self.own_claim(record):
                failure.release(skeleton)
        failure.commit()
        return {"again": again}

    def own_claim(self, record: TenantRecord | None) -> str | None:
        """The name that the tenant holds, if it holds it."""
        if record is None or not record.skeleton:
            return None
        return record.skeleton if self._provisioning.claims.holder(record.skeleton) == record.tenant_id else None


def _is_recorded(record: TenantRecord, call: StageCall) -> bool:
    """Whether this very failure is on record, and only the answer was lost. An execution may fail more than once."""
    error = record.last_error or {}
    is_same = (error.get("execution_arn"), error.get("entered_at")) == (call.execution_arn, call.entered_at)
    return is_same and record.operation.state in (OperationState.FAILED, OperationState.STALLED)


def is_rolling_back(record: TenantRecord, call: StageCall) -> bool:
    """Whether this execution has turned round already, and only the answer was lost."""
    return is_mine(record, call) and record.operation.execution_arn == call.execution_arn and record.is_rolling_back


def failure_of(record: TenantRecord) -> dict[str, str]:
    """The first error of a roll-back, as the state machine passes it on."""
    error = record.last_error or {}
    return {
        "error": error.get("code", ""),
        "cause": error.get("message", ""),
        "stage": error.get("stage", record.operation.stage),
    }


def _due_again(stalls: int) -> dict[str, Any]:
    """When to try again: pauses that double, and never end."""
    pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(stalls, 20))
    return {"stalls": stalls + 1, "due_for": DueFor.RETRY, "due_at": clock.now(pause)}


def _kind_of(record: TenantRecord | None, call: StageCall) -> OperationKind:
    """What the run that failed was for."""
    if call.failed_stage == "HoldTenant" or (record and record.status == Status.OFFBOARDING):
        return OperationKind.OFFBOARD
    if record is None or not record.was_ever_live:
        return OperationKind.ONBOARD
    is_switch = record.operation.kind in (OperationKind.SUSPEND, OperationKind.RESUME) and record.lease is not None
    return record.operation.kind if is_switch else OperationKind.UPDATE


def _status_after_failure(
    record: TenantRecord | None, kind: OperationKind, state: OperationState, remaining: Sequence[str]
) -> Status:
    if record and (record.was_ever_live or kind == OperationKind.OFFBOARD):
        return record.status
    if state == OperationState.STALLED:
        return Status.PENDING
    return Status.ROLLBACK_INCOMPLETE if remaining else Status.FAILED


def _failure_fact(
    record: TenantRecord | None, fields: Mapping[str, Any], call: StageCall, remaining: Sequence[str]
) -> events.Failure:
    if fields["operation"]["kind"] == OperationKind.OFFBOARD:
        kind: type[events.Failure] = events.TenantOffboardingFailed
    elif fields["operation"]["state"] == OperationState.STALLED:
        kind = events.TenantStalled
    elif record and record.was_ever_live:
        kind = events.TenantUpdateFailed
    else:
        kind = events.TenantOnboardingFailed
    error = fields["last_error"]
    return kind(
        stage=error["stage"],
        attempt=fields["attempt"],
        status=fields["status"],
        name=record.spec.get("name") if record else None,
        code=error["code"],
        message=error["message"],
        remedy=error["remedy"],
        remaining=list(remaining),
        undo_errors=_undo_errors(record, call),
    )


def _undo_errors(record: TenantRecord | None, call: StageCall) -> list[str]:
    """What kept things from being undone, be it that the execution itself was stopped meanwhile."""
    found = [f"{each.stage}: {each.error}: {_message_of(each.cause)}" for each in call.undo_errors]
    if record and record.is_rolling_back and call.error != (record.last_error or {}).get("code"):
        found.append(f"{call.failed_stage}: {call.error}: {_message_of(call.cause)}")
    return found


def _first_error(record: TenantRecord | None, call: StageCall) -> dict[str, str]:
    """What the record keeps: the failure, or, of a roll-back, what it began with. Its own errors come on top."""
    error = _error_of(call)
    if record and record.is_rolling_back and record.last_error:
        error |= {key: record.last_error[key] for key in ("code", "stage", "message", "remedy")}
    return error


def _message_of(cause: str) -> str:
    """Lambda wraps the message of an exception into JSON: unwrapped here."""
    try:
        found = json.loads(cause)
    except ValueError:
        found = None
    return (str(found.get("errorMessage", cause)) if isinstance(found, dict) else cause)[:2000]


def _error_of(call: StageCall) -> dict[str, str]:
    """What the record keeps of a failure."""
    return {
        "code": call.error,
        "stage": call.failed_stage,
        "message": _message_of(call.cause),
        "remedy": remedy_for(call.error),
        "at": clock.now(),
        "execution_arn": call.execution_arn,
        "entered_at": call.entered_at,
    }
