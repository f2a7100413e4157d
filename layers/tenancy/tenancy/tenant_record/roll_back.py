"""RollBack: of a tenant that was never live and failed for good, all that was begun is undone.

When only the retries are used up, all that stands is kept, and a later run continues.
"""

import json
from collections.abc import Mapping
from typing import Any

from tenancy.domain.calls import FailureCall, StateCall, operation
from tenancy.domain.errors import is_permanent
from tenancy.domain.languages import ENGLISH
from tenancy.domain.record import OperationKind, OperationState, TenantRecord
from tenancy.domain.systems import System
from tenancy.platform import clock
from tenancy.platform.settings import RecordSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import as_read
from tenancy.tenant_record.lease import CLAIMING, DUE, is_mine, refuse_the_dead, require_lease, until_undisturbed

NOTHING_TO_UNDO = (System.EDGE_CACHE,)
"""What is left in a cache of a tenant that was never live is nothing: 404 is not cached."""


class RollBack:
    """The state RollBack."""

    def __init__(self, settings: RecordSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)

    def run(self, call: FailureCall) -> dict[str, Any]:
        """Decide whether all that was begun is to be undone. If so, the writers take it for unwanted from here on.

        Returns ``{undo, generation}``. Raises LeaseHeldByOther, GenerationSuperseded.
        """
        return until_undisturbed(call, self._try)

    def _try(self, call: FailureCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record is None or record.was_ever_live or not is_permanent(call.error):
            return {"undo": False, "generation": 0}
        if is_rolling_back(record, call):
            return {"undo": True, "generation": record.generation}
        refuse_the_dead(record, call)
        require_lease(self._provisioning, record, call)
        if not remaining_of(self._provisioning, record):
            return {"undo": False, "generation": 0}
        self.begin(record, call, error_of(call), counts=call.failed_stage in CLAIMING)
        return {"undo": True, "generation": record.generation}

    def begin(self, record: TenantRecord, call: StateCall, error: Mapping[str, Any], *, counts: bool) -> None:
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


def remaining_of(provisioning: Provisioning, record: TenantRecord) -> list[str]:
    """Return the systems in which something may be that was begun for the tenant."""
    systems = (effect.system for effect in provisioning.effects.all_of(record.tenant_id))
    return [system for system in systems if system not in NOTHING_TO_UNDO]


def is_rolling_back(record: TenantRecord, call: StateCall) -> bool:
    """Return whether this execution has turned round already, and only the answer was lost."""
    return is_mine(record, call) and record.operation.execution_arn == call.execution_arn and record.is_rolling_back


def failure_of(record: TenantRecord) -> dict[str, str]:
    """Return the first error of a roll-back, as the state machine passes it on."""
    error = record.last_error or {}
    return {
        "error": error.get("code", ""),
        "cause": error.get("message", ""),
        "stage": error.get("stage", record.operation.stage),
    }


def message_of(cause: str) -> str:
    """Return the message of an exception, which Lambda wraps into JSON."""
    try:
        found = json.loads(cause)
    except ValueError:
        found = None
    return (str(found.get("errorMessage", cause)) if isinstance(found, dict) else cause)[:2000]


def error_of(call: FailureCall) -> dict[str, str]:
    """Return what the record keeps of a failure."""
    return {
        "code": call.error,
        "stage": call.failed_stage,
        "message": message_of(call.cause),
        "remedy": ENGLISH.remedy(call.error),
        "at": clock.now(),
        "execution_arn": call.execution_arn,
        "entered_at": call.entered_at,
    }
