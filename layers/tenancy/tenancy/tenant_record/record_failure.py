"""RecordFailure: a state failed for good, or its retries are used up.

A tenant that was ever live keeps its status and its site. Of one that never was, nothing may be left when it failed
for good: what is left all the same is listed, and is due for another try, and so is a tenant that has stalled.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tenancy.domain import events
from tenancy.domain.calls import RecordFailureCall, operation
from tenancy.domain.errors import is_permanent
from tenancy.domain.record import DueFor, OperationKind, OperationState, Status, TenantRecord
from tenancy.platform import clock
from tenancy.platform.settings import RecordSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import Transaction, as_read
from tenancy.tenant_record.lease import CLAIMING, DUE, first_fields, is_mine, is_over, require_lease, until_undisturbed
from tenancy.tenant_record.roll_back import NOTHING_TO_UNDO, error_of, message_of, remaining_of

_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 60, 6 * 3600


class RecordFailure:
    """The state RecordFailure."""

    def __init__(self, settings: RecordSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)

    def run(self, call: RecordFailureCall, *, has_ended: bool = False) -> dict[str, Any]:
        """Put the failure on record and into the outbox, and say when to try again. Returns ``{again}``.

        has_ended: it is not the execution that says so, since it is no more. It can't go round again either.
        Raises LeaseHeldByOther.
        """
        return until_undisturbed(call, lambda call: self._try(call, has_ended))

    def _try(self, call: RecordFailureCall, has_ended: bool) -> dict[str, Any]:
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
        remaining = remaining_of(self._provisioning, record) if record and is_to_be_clean else []
        is_asked_again = record is not None and is_mine(record, call) and record.requested != record.seen
        again = is_asked_again and not has_ended
        status = str(_status_after_failure(record, kind, state, remaining))
        fields = _fields(record, call, kind, state, error) | {"status": status, "stalls": 0}
        if is_asked_again and has_ended:
            fields |= {"due_for": DueFor.RETRY, "due_at": clock.now()}
        else:
            fields |= _due(record, kind, state, remaining)
        failure = (
            self._provisioning.transaction(call.tenant_id)
            .set(fields)
            .remove(*(() if "due_at" in fields else DUE), *(() if again else ("lease",)))
            .require(as_read(record))
            .tell(
                _failure_fact(record, fields, call, remaining),
                generation=fields["generation"],
                execution_arn=call.execution_arn,
            )
        )
        if is_to_be_clean and not remaining:
            self._clean(failure, record)
        failure.commit()
        return {"again": again}

    def _clean(self, failure: Transaction, record: TenantRecord | None) -> None:
        """Free the name of a tenant of which nothing is left, and forget what was there before it."""
        failure.remove("adopting").forget(*NOTHING_TO_UNDO)
        if skeleton := self._provisioning.claims.own(record):
            failure.release(skeleton)


def _is_recorded(record: TenantRecord, call: RecordFailureCall) -> bool:
    """Return whether this very failure is on record. An execution may fail more than once."""
    error = record.last_error or {}
    is_same = (error.get("execution_arn"), error.get("entered_at")) == (call.execution_arn, call.entered_at)
    return is_same and record.operation.state in (OperationState.FAILED, OperationState.STALLED)


def _fields(
    record: TenantRecord | None,
    call: RecordFailureCall,
    kind: OperationKind,
    state: OperationState,
    error: Mapping[str, str],
) -> dict[str, Any]:
    """Return what the failed run leaves on the record, but for what comes of it.

    A run that failed before it had claimed anything is a run all the same, and counted: its failure must not look like
    a repetition of the last one. A roll-back has counted it already.
    """
    holds_lease = is_mine(record, call)
    is_uncounted = (call.failed_stage in CLAIMING or not holds_lease) and not (record and record.is_rolling_back)
    started_at = record.operation.started_at if record and holds_lease else clock.now()
    return first_fields(record) | {
        "attempt": (record.attempt if record else 0) + (1 if is_uncounted else 0),
        "seen": record.requested if record else 0,
        "last_error": dict(error),
        "operation": operation(kind, state, call, started_at, stage=error["stage"]),
    }


def _due(
    record: TenantRecord | None, kind: OperationKind, state: OperationState, remaining: Sequence[str]
) -> dict[str, Any]:
    """Return when to try again, if at all: after pauses that double, and never end."""
    if record and kind == OperationKind.OFFBOARD and record.due_for == DueFor.CONFIRMATION:
        return {"due_for": DueFor.CONFIRMATION, "due_at": record.due_at}  # a failure confirms nothing
    if not remaining and state != OperationState.STALLED and kind != OperationKind.OFFBOARD:
        return {}
    stalls = record.stalls if record else 0
    pause = min(_LONGEST_PAUSE_SECONDS, _FIRST_PAUSE_SECONDS * 2 ** min(stalls, 20))
    return {"stalls": stalls + 1, "due_for": DueFor.RETRY, "due_at": clock.now(pause)}


def _kind_of(record: TenantRecord | None, call: RecordFailureCall) -> OperationKind:
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
    record: TenantRecord | None, fields: Mapping[str, Any], call: RecordFailureCall, remaining: Sequence[str]
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


def _undo_errors(record: TenantRecord | None, call: RecordFailureCall) -> list[str]:
    """Return what kept things from being undone, be it that the execution itself was stopped meanwhile."""
    found = [f"{each.stage}: {each.error}: {message_of(each.cause)}" for each in call.undo_errors]
    if record and record.is_rolling_back and call.error != (record.last_error or {}).get("code"):
        found.append(f"{call.failed_stage}: {call.error}: {message_of(call.cause)}")
    return found


def _first_error(record: TenantRecord | None, call: RecordFailureCall) -> dict[str, str]:
    """Return what the record keeps: the failure, or, of a roll-back, the failure that it began with."""
    error = error_of(call)
    if record and record.is_rolling_back and record.last_error:
        error |= {key: record.last_error[key] for key in ("code", "stage", "message", "remedy")}
    return error
