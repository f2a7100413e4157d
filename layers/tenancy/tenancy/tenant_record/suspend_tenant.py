"""SuspendTenant: visitors of a live tenant get 503 from now on. The event comes with the end of the run."""

from typing import Any

from tenancy.domain.calls import GenerationCall
from tenancy.domain.record import Status
from tenancy.platform.settings import RecordSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import where
from tenancy.tenant_record.lease import refuse_others, until_undisturbed


class SuspendTenant:
    """The state SuspendTenant."""

    def __init__(self, settings: RecordSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)

    def run(self, call: GenerationCall) -> dict[str, Any]:
        """Put the status on record. Returns ``{}``. Raises LeaseHeldByOther."""
        return until_undisturbed(call, self._try)

    def _try(self, call: GenerationCall) -> dict[str, Any]:
        record = refuse_others(self._provisioning.record(call.tenant_id), call)
        if record.status != Status.SUSPENDED:
            self._provisioning.update(
                call.tenant_id,
                {"status": Status.SUSPENDED, "operation.stage": call.stage},
                where(
                    "lease.holder = :holder AND attempt = :attempt", holder=call.execution_arn, attempt=record.attempt
                ),
            )
        return {}
