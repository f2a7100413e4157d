"""ActivateTenant: the site is verified, so it is live; or suspended, if that is what the item asks for."""

from typing import Any

from tenancy.domain import events
from tenancy.domain.calls import ActivateCall, operation
from tenancy.domain.record import OperationKind, OperationState, Status, TenantRecord
from tenancy.platform import clock
from tenancy.platform.settings import RecordSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import where
from tenancy.tenant_record.lease import DUE, refuse_others, until_undisturbed


class ActivateTenant:
    """The state ActivateTenant."""

    def __init__(self, settings: RecordSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)

    def run(self, call: ActivateCall) -> dict[str, Any]:
        """End the run. Give the lease back, or go round again if more was asked meanwhile.

        Returns ``{again}``. Raises LeaseHeldByOther.
        """
        return until_undisturbed(call, self._try)

    def _try(self, call: ActivateCall) -> dict[str, Any]:
        record = refuse_others(self._provisioning.record(call.tenant_id), call)
        if record.lease is None or record.operation.state == OperationState.SUCCEEDED:
            # This very call has succeeded before, and only its answer was lost: a lease that was kept means "again".
            return {"again": record.lease is not None}
        again = record.requested != record.seen
        status = Status.SUSPENDED if record.spec.get("desired_state") == "suspended" else Status.ACTIVE
        moment = clock.now()
        fields: dict[str, Any] = {
            "status": str(status),
            "live_since": record.live_since or moment,
            # The next round reads the item after this moment, so it sees whatever these notes were about.
            "seen": record.requested,
            "stalls": 0,
            "operation": operation(record.operation.kind, OperationState.SUCCEEDED, call, record.operation.started_at),
        }
        as_it_was = where(
            "lease.holder = :holder AND requested = :requested AND attempt = :attempt",
            holder=call.execution_arn,
            requested=record.requested,
            attempt=record.attempt,
        )
        end = (
            self._provisioning.transaction(call.tenant_id)
            .set(fields)
            # What was there before the tenant is its own from here on, and goes when the tenant goes.
            .remove("last_error", "adopting", *DUE, *(() if again else ("lease",)))
            .require(as_it_was)
            .tell(_end_fact(record, status, call), generation=record.generation, execution_arn=call.execution_arn)
        )
        end.commit()
        return {"again": again}


def _end_fact(record: TenantRecord, status: Status, call: ActivateCall) -> events.Fact:
    host, stage, attempt = record.host, call.stage, record.attempt
    is_suspension = record.status != Status.SUSPENDED or record.operation.kind == OperationKind.SUSPEND
    if status == Status.SUSPENDED and is_suspension:
        return events.TenantSuspended(stage=stage, attempt=attempt, host=host)
    if record.status == Status.PENDING:
        return events.TenantActivated(stage=stage, attempt=attempt, host=host)
    if status == Status.ACTIVE and record.status == Status.SUSPENDED:
        return events.TenantResumed(stage=stage, attempt=attempt, host=host)
    return events.TenantUpdated(stage=stage, attempt=attempt, host=host, changed=call.changed)
