"""Tenants are started that are due: they stalled, were not rolled back wholly, or their grace period is over."""

from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from tenancy.domain.record import DueFor
from tenancy.platform import clock
from tenancy.platform.settings import ReconcileSettings
from tenancy.reconcile.expire_archives import ExpiringArchives
from tenancy.start_workflow import Machines
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import ConditionFailed, where

_LOOK_AHEAD_SECONDS = 3600

logger = Logger(child=True)
metrics = Metrics()


class Reconciler:
    """Starts the tenants' own workflow: what is to be done, the workflow knows."""

    def __init__(self, settings: ReconcileSettings) -> None:
        self._settings = settings
        self._provisioning = Provisioning(settings.provisioning_table)
        self._machines = Machines(settings)
        self._archives = ExpiringArchives(settings)

    def start_due(self) -> dict[str, Any]:
        """Start an execution for each tenant that is due now.

        Removals are held instead, all of them, if too many are due within an hour: a table that was emptied by mistake
        is every customer taken down. Archives that the bucket has removed are noted. Returns ``{started, held,
        expired}``: the tenants' names, and the archives' folders.
        """
        now = clock.now()
        removals = self._provisioning.due(DueFor.OFFBOARD, clock.now(_LOOK_AHEAD_SECONDS))
        held = self._hold(removals) if self._are_too_many(len(removals)) else []
        due = self._provisioning.due(DueFor.RETRY, now)
        due += [] if held else [(tenant_id, due_at) for tenant_id, due_at in removals if due_at <= now]
        # One execution for each time that a tenant is due; should it vanish without a word, another one an hour on.
        started = [
            tenant_id
            for tenant_id, due_at in due
            if self._machines.start(tenant_id, f"{tenant_id}/{due_at}/{now[:13]}")
        ]
        return {"started": started, "held": held, "expired": self._archives.note_expired()}

    def _are_too_many(self, removals: int) -> bool:
        """Return whether this is a mass removal. Tenants are counted only if there are enough removals for one."""
        if removals < self._settings.mass_removal_at_least:
            return False
        return removals > self._settings.mass_removal_percent / 100 * self._provisioning.count_served()

    def _hold(self, removals: list[tuple[str, str]]) -> list[str]:
        held = [tenant_id for tenant_id, due_at in removals if self._wait_for_confirmation(tenant_id, due_at)]
        if held:
            # Once: its alarm mails at the first of them, and ends by itself.
            metrics.add_metric("RemovalsHeld", MetricUnit.Count, len(held))
            logger.warning("%d removals wait for a person to confirm them", len(held), extra={"tenants": held[:100]})
        return held

    def _wait_for_confirmation(self, tenant_id: str, due_at: str) -> bool:
        try:
            self._provisioning.update(
                tenant_id,
                {"due_for": DueFor.CONFIRMATION},
                where(
                    "due_for = :due_for AND due_at = :due_at AND attribute_not_exists(lease)",
                    due_for=DueFor.OFFBOARD,
                    due_at=due_at,
                ),
            )
        except ConditionFailed:
            return False  # its item is back, or somebody works on it: whatever that is, it is no removal of this minute
        return True
