"""HoldTenant: a tenant's item was removed.

A tenant that was ever live is held first, and served as before: for the grace period, which is a moment on record and
no execution that waits. An item that comes back ends the hold. After it, offboarding goes forward only.
"""

from datetime import datetime
from typing import Any

from tenancy.domain.calls import HoldCall, StateCall, operation
from tenancy.domain.record import DueFor, OperationKind, OperationState, Status, TenantRecord
from tenancy.platform import clock
from tenancy.platform.settings import LifecycleSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.tenants import DesiredState
from tenancy.tables.transaction import as_read
from tenancy.tenant_record.lease import DUE, has_begun, refuse_the_dead, require_lease, until_undisturbed


class HoldTenant:
    """The state HoldTenant."""

    def __init__(self, settings: LifecycleSettings) -> None:
        self._settings = settings
        self._desired = DesiredState(settings.tenants_table)
        self._provisioning = Provisioning(settings.provisioning_table)

    def run(self, call: HoldCall) -> dict[str, Any]:
        """Hold the tenant, whose item is gone, or take it if it was held for long enough.

        Returns ``{outcome, generation}``: ``held``, also if there is nothing to take down; ``returned`` if there is an
        item again; ``offboard`` if the tenant is not served any more, and all that was made for it is to go.
        """
        return until_undisturbed(call, self._try)

    def _try(self, call: HoldCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record and has_begun(record, call):
            return _outcome("offboard", record)
        refuse_the_dead(record, call)
        require_lease(self._provisioning, record, call)
        if self._desired.item(call.tenant_id) is not None:
            return _outcome("returned", record)
        if record and not _is_gone(record) and _may_go(record, call):
            self._begin(record, call)
            return _outcome("offboard", record)
        self.note_removal(record, call, confirmed_by=call.confirmed_by, removed_by=call.removed_by)
        return _outcome("held", record)

    def note_removal(
        self, record: TenantRecord | None, call: StateCall, *, confirmed_by: str = "", removed_by: str = ""
    ) -> None:
        """Write down when the tenant may go, unless that is on record already, and give the lease back.

        record: as it was read, with a lease that is this execution's, or free to take. confirmed_by, removed_by: as
        the execution's input says.
        """
        if record is None:
            return
        fields = self._due_to_go(record, call, confirmed_by)
        if removed_by and record.removed_by is None and not _is_gone(record):
            fields = {**(fields or {}), "removed_by": removed_by}
        is_due_for_nothing = _is_gone(record) and record.due_at is not None
        if fields or record.lease or is_due_for_nothing:
            note = self._provisioning.transaction(call.tenant_id).set(fields or {}).remove("lease")
            if not fields and not _is_leaving(record):
                note.remove(*DUE)
            note.require(as_read(record)).commit()

    def _due_to_go(self, record: TenantRecord, call: StateCall, confirmed_by: str) -> dict[str, Any] | None:
        """Return what to write of a removal; None if it is on record, or there is nothing to take down."""
        if _is_gone(record):
            return None
        if _is_leaving(record) or not record.was_ever_live:
            return {"due_for": DueFor.RETRY, "due_at": clock.now()}
        hold = {"operation": operation(OperationKind.OFFBOARD, OperationState.HELD, call, clock.now())}
        if not _is_held(record):
            until = clock.now(self._settings.offboard_grace_seconds)
            return {**hold, "due_for": DueFor.OFFBOARD, "due_at": until, "hold_until": until}
        if record.due_for == DueFor.CONFIRMATION:
            return {"due_for": DueFor.RETRY, "confirmed_by": confirmed_by} if confirmed_by else None
        is_as_it_was = record.operation.state == OperationState.HELD
        return None if is_as_it_was else {**hold, "due_for": DueFor.OFFBOARD, "due_at": record.hold_until}

    def _begin(self, record: TenantRecord, call: HoldCall) -> None:
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


def _outcome(outcome: str, record: TenantRecord | None) -> dict[str, Any]:
    return {"outcome": outcome, "generation": record.generation if record else 0}


def _is_leaving(record: TenantRecord) -> bool:
    return record.status == Status.OFFBOARDING


def _is_gone(record: TenantRecord) -> bool:
    """Return whether nothing is left on shared systems. Of a tenant that failed for good, nothing is."""
    return record.status in (Status.OFFBOARDED, Status.FAILED)


def _is_held(record: TenantRecord) -> bool:
    """Return whether the grace period has begun, be it that a look after its end has failed."""
    return record.operation.kind == OperationKind.OFFBOARD and record.hold_until is not None


def _may_go(record: TenantRecord, call: HoldCall) -> bool:
    if _is_leaving(record) or not record.was_ever_live:
        return True
    if not _is_held(record) or not record.hold_until or not _is_past(record.hold_until):
        return False
    return record.due_for in (DueFor.OFFBOARD, DueFor.RETRY) or bool(call.confirmed_by)


def _is_past(moment: str) -> bool:
    return datetime.fromisoformat(moment) <= datetime.fromisoformat(clock.now())
