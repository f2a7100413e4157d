"""Drift is reported when two scans in a row have found it, and put right by the tenant's own workflow.

What needs a person is reported, and left alone. So is what the control plane has not made.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from tenancy.domain import drift, events
from tenancy.domain.drift import Finding, Kind, Observed
from tenancy.domain.events import Found
from tenancy.domain.record import DueFor, OperationState, Status
from tenancy.domain.systems import System
from tenancy.platform import aws, clock
from tenancy.platform.settings import ReconcileSettings
from tenancy.reconcile.inventory import Inventory
from tenancy.start_workflow import Machines
from tenancy.tables.effects import EffectState
from tenancy.tables.findings import Known
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import ConditionFailed, where

_STAGE = "Reconcile"
_TOLD_AT_ONCE = 40  # findings of one tenant in one event: an event may have 256 KB

logger = Logger(child=True)
metrics = Metrics()


class Repairing:
    """Looks at everything, and puts right what is not as it is on record."""

    def __init__(self, settings: ReconcileSettings) -> None:
        self._settings = settings
        self._provisioning = Provisioning(settings.provisioning_table)
        self._inventory = Inventory(settings)
        self._machines = Machines(settings)

    def look(self) -> dict[str, Any]:
        """Scan once. Returns ``{found, reported, gone, started}``: how many findings there are, those that are told
        of for the first time, those that are not there any more, and the tenants whose workflow was started. If the
        table of what is wanted is empty although tenants are served, nothing is done, and ``refused`` says so.
        """
        observed = self._inventory.observe()
        is_emptied = drift.is_table_emptied(observed)
        metrics.add_metric("TenantsTableEmpty", MetricUnit.Count, int(is_emptied))
        if is_emptied:
            logger.error("the tenants table is empty, and tenants are served: nothing is compared, nothing is done")
            return {"refused": "the tenants table is empty"}
        found = {finding.key: finding for finding in drift.find(observed, self._settings.base_domain)}
        known = self._provisioning.findings.known()
        now = clock.now()
        lasting = [known[key] for key in found if key in known]
        gone = [each for key, each in known.items() if key not in found and drift.is_judged(each.finding, observed)]
        fresh = [each for each in lasting if not each.is_reported]
        self._provisioning.findings.note(
            [Known(finding, now) for key, finding in found.items() if key not in known],
            [each for each in gone if not each.is_reported],
        )
        self._tell(events.DriftDetected, fresh, observed)
        self._tell(events.DriftRepaired, [each for each in gone if each.is_reported], observed)
        started = self._repair(lasting, observed, now)
        self._remove([each.finding for each in lasting])
        self._count(lasting)
        return {
            "found": len(found),
            "reported": [each.finding.key for each in fresh],
            "gone": [each.finding.key for each in gone if each.is_reported],
            "started": started,
        }

    # --- telling ------------------------------------------------------------------------------------------------------

    def _tell(self, kind: type[events.Drift], findings: Iterable[Known], observed: Observed) -> None:
        by_tenant = groupby(sorted(findings, key=lambda each: each.finding.tenant_id), lambda e: e.finding.tenant_id)
        work = [(tenant_id, list(some)[:_TOLD_AT_ONCE]) for tenant_id, some in by_tenant]
        aws.at_once(lambda one: self._tell_one(kind, one[0], one[1], observed), work)

    def _tell_one(self, kind: type[events.Drift], tenant_id: str, known: Sequence[Known], observed: Observed) -> None:
        record = observed.records.get(tenant_id)
        fact = kind(
            stage=_STAGE,
            attempt=record.attempt if record else 0,
            findings=[
                Found(
                    kind=each.finding.kind,
                    where=each.finding.where,
                    what=each.finding.what,
                    since=each.since,
                    repair=each.finding.repair,
                )
                for each in known
            ],
        )
        report = self._provisioning.transaction(tenant_id).tell(fact, generation=record.generation if record else 0)
        if kind is events.DriftDetected:
            report.remember(*(replace(each, is_reported=True) for each in known))
        else:
            report.dismiss(*known)
        report.commit()

    def _count(self, lasting: Sequence[Known]) -> None:
        by_hand = [each for each in lasting if each.finding.repair != "workflow"]
        metrics.add_metric("DriftFound", MetricUnit.Count, len(lasting))
        metrics.add_metric("DriftLeft", MetricUnit.Count, len(by_hand))
        for each in by_hand:
            logger.warning("drift that needs a person: %s", each.finding.key, extra={"since": each.since})

    # --- repairing ----------------------------------------------------------------------------------------------------

    def _repair(self, lasting: Sequence[Known], observed: Observed, now: str) -> list[str]:
        repairable = [each for each in lasting if each.finding.kind in drift.BY_WORKFLOW]
        for system in sorted(set(drift.DISTRUST.values())):
            tenants = {each.finding.tenant_id for each in repairable if drift.DISTRUST.get(each.finding.kind) == system}
            self._distrust(sorted(tenants), system)
        latest: dict[str, str] = {}  # of what is wrong with each tenant
        for each in repairable:
            latest[each.finding.tenant_id] = max(each.since, latest.get(each.finding.tenant_id, ""))
        begun = aws.at_once(lambda one: self._start(*one, observed, now), latest.items())
        return sorted(tenant_id for tenant_id, is_new in zip(latest, begun, strict=True) if is_new)

    def _distrust(self, tenants: Sequence[str], system: System) -> None:
        """Turn results on record into intents again: then the writer looks, and knows that it is its own."""
        if not tenants:
            return
        found = self._provisioning.records_and_effects(tenants, system)
        self._provisioning.effects.start_all(
            [
                (replace(effect, state=EffectState.STARTED, writer=_STAGE), effect)
                for record, effect in found.values()
                if effect and effect.state == EffectState.DONE and record and record.lease is None
            ]
        )

    def _start(self, tenant_id: str, since: str, observed: Observed, now: str) -> bool:
        """Start a run once an hour at most; once a day if the last one has failed: each failure is an e-mail."""
        record = observed.records.get(tenant_id)
        has_failed = record is not None and record.operation.state in (OperationState.FAILED, OperationState.STALLED)
        return self._machines.start(tenant_id, f"drift/{tenant_id}/{since}/{now[: 10 if has_failed else 13]}")

    def _remove(self, lasting: Sequence[Finding]) -> None:
        """Remove what the control plane has made and nobody needs, if the stack is configured so."""
        if not self._settings.remove_left_overs:
            return
        for finding in lasting:
            if finding.kind == Kind.CLAIM_ORPHANED:
                self._provisioning.claims.drop(finding.what, finding.tenant_id)
            elif finding.kind == Kind.EFFECT_LEFT:
                self._take_down_again(finding.tenant_id)

    def _take_down_again(self, tenant_id: str) -> None:
        """Take down once more, and at once, a tenant that is gone and of which something is left."""
        try:
            self._provisioning.update(
                tenant_id,
                {"status": Status.OFFBOARDING, "due_for": DueFor.RETRY, "due_at": clock.now()},
                where(
                    "#status IN (:gone, :failed) AND attribute_not_exists(lease)",
                    gone=Status.OFFBOARDED,
                    failed=Status.FAILED,
                ),
            )
        except ConditionFailed:
            logger.info("somebody works on %s by now", tenant_id)
