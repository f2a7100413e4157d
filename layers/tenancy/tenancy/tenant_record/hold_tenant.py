"""When a tenant's item is removed: the states HoldTenant and ReleaseHostname.

A tenant that was ever live is held first, and served as before: for the grace period, which is a moment on record and
no execution that waits. An item that comes back ends the hold. After it, offboarding goes forward only.
"""

from datetime import datetime
from typing import Any

from tenancy.domain import events
from tenancy.domain.calls import StageCall, operation
from tenancy.domain.errors import LeaseHeldByOther
from tenancy.domain.record import DueFor, OperationKind, OperationState, Status, TenantRecord
from tenancy.domain.values import shown
from tenancy.platform import clock
from tenancy.platform.settings import LifecycleSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.tenants import DesiredState
from tenancy.tables.transaction import as_read
from tenancy.tenant_record.lease import (
    DUE,
    is_mine,
    refuse_the_dead,
    require_lease,
    until_undisturbed,
)
from tenancy.tenant_record.record_failure import TenantFailures

_DAY_SECONDS = 86_400


class TenantOffboarding:
    """The tenant record's way out."""

    def __init__(self, settings: LifecycleSettings) -> None:
        self._settings = settings
        self._desired = DesiredState(settings.tenants_table)
        self._provisioning = Provisioning(settings.provisioning_table)
        self._failures = TenantFailures(settings)

    # --- HoldTenant ---------------------------------------------------------------------------------------------------

    def hold(self, call: StageCall) -> dict[str, Any]:
        """The item is gone: hold the tenant, or take it if it was held for long enough.

        Returns ``{outcome, generation}``: ``held``, also if there is nothing to take down; ``returned`` if there is an
        item again; ``offboard`` if the tenant is not served any more, and all that was made for it is to go.
        """
        return until_undisturbed(call, self._try_to_hold)

    def _try_to_hold(self, call: StageCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record and _is_under_way(record, call):
            return _outcome("offboard", record)
        refuse_the_dead(record, call)
        require_lease(self._provisioning, record, call)
        if self._desired.item(call.tenant_id) is not None:
            return _outcome("returned", record)
        if record and not _is_gone(record) and _may_go(record, call):
            self._begin(record, call)
            return _outcome("offboard", record)
        self.note_removal(record, call)
        return _outcome("held", record)

    def note_removal(self, record: TenantRecord | None, call: StageCall) -> None:
        """Write down when the tenant may go, unless that is on record already, and give the lease back.

        record: as it was read, with a lease that is this execution's, or free to take.
        """
        if record is None:
            return
        fields = self._due_to_go(record, call)
        if call.removed_by and record.removed_by is None and not _is_gone(record):
            fields = {**(fields or {}), "removed_by": call.removed_by}
        is_due_for_nothing = _is_gone(record) and record.due_at is not None
        if fields or record.lease or is_due_for_nothing:
            note = self._provisioning.transaction(call.tenant_id).set(fields or {}).remove("lease")
            if not fields and not _is_leaving(record):
                note.remove(*DUE)
            note.require(as_read(record)).commit()

    def _due_to_go(self, record: TenantRecord, call: StageCall) -> dict[str, Any] | None:
        """What is to be written of a removal. None: it is on record, or there is nothing to take down."""
        if _is_gone(record):
            return None
        if _is_leaving(record) or not record.was_ever_live:
            return {"due_for": DueFor.RETRY, "due_at": clock.now()}
        hold = {"operation": operation(OperationKind.OFFBOARD, OperationState.HELD, call, clock.now())}
        if not _is_held(record):
            until = clock.now(self._settings.offboard_grace_seconds)
            return {**hold, "due_for": DueFor.OFFBOARD, "due_at": until, "hold_until": until}
        if record.due_for == DueFor.CONFIRMATION:
            return {"due_for": DueFor.RETRY, "confirmed_by": call.confirmed_by} if call.confirmed_by else None
        is_as_it_was = record.operation.state == OperationState.HELD
        return None if is_as_it_was else {**hold, "due_for": DueFor.OFFBOARD, "due_at": record.hold_until}

    def _begin(self, record: TenantRecord, call: StageCall) -> None:
        """Take the lease; from here on visitors get 404, and the writers take the tenant's effects for unwanted."""
        moment = clock.now()
        fields = {
            "status": str(Status.OFFBOARDING),
            "attempt": record.attempt + 1,
            "seen": record.requested,
            "lease": {"holder": call.execution_arn, "since": moment},
            "operation": operation(OperationKind.OFFBOARD, OperationState.RUNNING, call, moment),
            **({"confirmed_by": call.confirmed_by} if call.confirmed_by else {}),
            **({"removed_by": call.removed_by} if call.removed_by and record.removed_by is None else {}),
        }
        begin = self._provisioning.transaction(call.tenant_id).set(fields).remove(*DUE, "hold_until", "last_error")
        # Of a tenant that was to be adopted and never became live.
        begin.forget(*self._provisioning.effects.found_before(record)).require(as_read(record)).commit()

    # --- ReleaseHostname ----------------------------------------------------------------------------------------------

    def release(self, call: StageCall) -> dict[str, Any]:
        """Nothing of the tenant is left on shared systems: give its name back, and end.

        The record stays, without what the customer had asked for. Look-alikes of the name stay refused until the
        cool-down is over. An item that came back meanwhile is due at once. Returns ``{}``.
        """
        return until_undisturbed(call, self._try_to_release)

    def _try_to_release(self, call: StageCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record and record.lease is None and _is_end_of(record, call):
            return {}  # this very call has succeeded before, and only its answer was lost
        if record is None or not is_mine(record, call):
            raise LeaseHeldByOther(f"tenant {shown(call.tenant_id)} is not in the hands of {call.execution_arn} now")
        is_asked_again = record.requested != record.seen
        free_at = clock.now(self._settings.name_cooldown_days * _DAY_SECONDS)
        host, attempt = record.host, record.attempt
        fields = {
            "status": str(Status.OFFBOARDED),
            "seen": record.requested,
            "stalls": 0,
            "spec": {key: record.spec[key] for key in ("name",) if key in record.spec},
            # Whatever comes next is another generation: nothing that was done for this one counts for it.
            "spec_digest": "",
            "operation": operation(OperationKind.OFFBOARD, OperationState.SUCCEEDED, call, record.operation.started_at),
            **({"due_for": DueFor.RETRY, "due_at": clock.now()} if is_asked_again else {}),
        }
        released = events.HostnameReleased(stage=call.stage, attempt=attempt, host=host, free_at=free_at)
        offboarded = events.TenantOffboarded(
            stage=call.stage,
            attempt=attempt,
            host=host,
            requested_by=record.removed_by,
            confirmed_by=record.confirmed_by,
        )
        end = (
            self._provisioning.transaction(call.tenant_id)
            .set(fields)
            .remove("lease", "last_error", "live_since", "requested_at", "adopting")
            .remove(*(() if is_asked_again else DUE))
            .require(as_read(record))
            .tell(released, generation=record.generation, execution_arn=call.execution_arn)
            .tell(offboarded, generation=record.generation, execution_arn=call.execution_arn)
        )
        if skeleton := self._failures.own_claim(record):
            end.release(skeleton, free_at=free_at)
        end.commit()
        return {}


def _outcome(outcome: str, record: TenantRecord | None) -> dict[str, Any]:
    return {"outcome": outcome, "generation": record.generation if record else 0}


def _is_leaving(record: TenantRecord) -> bool:
    return record.status == Status.OFFBOARDING


def _is_gone(record: TenantRecord) -> bool:
    """Whether nothing of the tenant is left on shared systems. Of one that failed for good, nothing is."""
    return record.status in (Status.OFFBOARDED, Status.FAILED)


def _is_held(record: TenantRecord) -> bool:
    """Whether the grace period has begun, be it that a look after its end has failed."""
    return record.operation.kind == OperationKind.OFFBOARD and record.hold_until is not None


def _may_go(record: TenantRecord, call: StageCall) -> bool:
    """Whether the tenant may be taken down now."""
    if _is_leaving(record) or not record.was_ever_live:
        return True
    if not _is_held(record) or not record.hold_until or not _is_past(record.hold_until):
        return False
    return record.due_for in (DueFor.OFFBOARD, DueFor.RETRY) or bool(call.confirmed_by)


def _is_past(moment: str) -> bool:
    return datetime.fromisoformat(moment) <= datetime.fromisoformat(clock.now())


def _is_under_way(record: TenantRecord, call: StageCall) -> bool:
    """Whether this very call has succeeded before, and only its answer was lost."""
    return (
        is_mine(record, call)
        and record.operation.execution_arn == call.execution_arn
        and (record.operation.stage, record.operation.state) == (call.stage, OperationState.RUNNING)
    )


def _is_end_of(record: TenantRecord, call: StageCall) -> bool:
    return record.status == Status.OFFBOARDED and record.operation.execution_arn == call.execution_arn
