"""Tenants that are due: those that have stalled, and those whose roll-back is not complete."""

from typing import Any

from tenancy import clock
from tenancy.failing import RETRY
from tenancy.provisioning import Provisioning
from tenancy.settings import ReconcileSettings
from tenancy.starting import Machines


class Reconciler:
    """Starts the tenants' own workflow. It does nothing else: what is to be done, the workflow knows."""

    def __init__(self, settings: ReconcileSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)
        self._machines = Machines(settings)

    def start_due(self) -> dict[str, Any]:
        """Start an execution for each tenant that is due now. Returns ``{started}``, the tenants' names."""
        now = clock.now()
        started = []
        for tenant_id, due_at in self._provisioning.due(RETRY, now):
            # One execution for each time that a tenant is due; should it vanish without a word, another one an hour on.
            if self._machines.start(tenant_id, f"{tenant_id}/{due_at}/{now[:13]}"):
                started.append(tenant_id)
        return {"started": started}
