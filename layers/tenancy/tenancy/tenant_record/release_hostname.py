"""ReleaseHostname: nothing of a tenant is left on shared systems, so its name is given back, and the tenant is gone.

The record stays, without what the customer had asked for. Look-alikes of the name stay refused until the cool-down is
over. An item that came back meanwhile is due at once.
"""

from typing import Any

from tenancy.domain import events
from tenancy.domain.calls import GenerationCall, operation
from tenancy.domain.record import DueFor, OperationKind, OperationState, Status, TenantRecord
from tenancy.platform import clock
from tenancy.platform.settings import LifecycleSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import as_read
from tenancy.tenant_record.lease import DUE, held_by_other, is_mine, until_undisturbed

_DAY_SECONDS = 86_400


class ReleaseHostname:
    """The state ReleaseHostname."""

    def __init__(self, settings: LifecycleSettings) -> None:
        self._cooldown_seconds = settings.name_cooldown_days * _DAY_SECONDS
        self._provisioning = Provisioning(settings.provisioning_table)

    def run(self, call: GenerationCall) -> dict[str, Any]:
        """End the removal. Returns ``{}``. Raises LeaseHeldByOther."""
        return until_undisturbed(call, self._try)

    def _try(self, call: GenerationCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record and record.lease is None and _is_end_of(record, call):
            return {}  # this very call has succeeded before, and only its answer was lost
        if record is None or not is_mine(record, call):
            raise held_by_other(call)
        is_asked_again = record.requested != record.seen
        free_at = clock.now(self._cooldown_seconds)
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
        if skeleton := self._provisioning.claims.own(record):
            end.release(skeleton, free_at=free_at)
        end.commit()
        return {}


def _is_end_of(record: TenantRecord, call: GenerationCall) -> bool:
    return record.status == Status.OFFBOARDED and record.operation.execution_arn == call.execution_arn
