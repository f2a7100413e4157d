"""A tenant's way from one status to the next: the states ClaimTenant, SuspendTenant and ActivateTenant."""

from collections.abc import Mapping
from typing import Any

from tenancy.domain import events, hostnames
from tenancy.domain.calls import StageCall, operation
from tenancy.domain.errors import LeaseHeldByOther, NameClaimedByOther, PermanentError
from tenancy.domain.item import TenantItem
from tenancy.domain.record import OperationKind, OperationState, Status, TenantRecord
from tenancy.domain.systems import System
from tenancy.domain.values import digest_of, shown
from tenancy.platform import clock
from tenancy.platform.settings import LifecycleSettings
from tenancy.tables.effects import ADOPTED, Effect, EffectState
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.tenants import DesiredState
from tenancy.tables.transaction import NameTaken, as_read, where
from tenancy.tenant_record.hold_tenant import TenantOffboarding
from tenancy.tenant_record.lease import (
    DUE,
    first_fields,
    refuse_the_dead,
    require_lease,
    until_undisturbed,
)
from tenancy.tenant_record.record_failure import TenantFailures, failure_of, is_rolling_back

_TOLD = ("name", "tier", "desired_state")
"""Of a tenant's item, what an event may say the values of."""


class TenantLifecycle:
    """The tenant record's way from one status to the next."""

    def __init__(self, settings: LifecycleSettings) -> None:
        self._settings = settings
        self._desired = DesiredState(settings.tenants_table)
        self._provisioning = Provisioning(settings.provisioning_table)
        self._failures = TenantFailures(settings)
        self._offboarding = TenantOffboarding(settings)

    # --- ClaimTenant --------------------------------------------------------------------------------------------------

    def claim(self, call: StageCall) -> dict[str, Any]:
        """Read what is asked for now; claim the name and take the lease, in one transaction.

        Returns ``{outcome, generation, attempt, failure}``; outcome is ``claimed``, ``suspend`` if that is to be done
        first, ``removed`` if the item is gone, or ``undo`` if the roll-back of an earlier run, whose ``failure`` that
        is, has to be finished first.
        Raises InvalidTenantItem, NameClaimedByOther, LeaseHeldByOther.
        """
        return until_undisturbed(call, self._try_to_claim)

    def _try_to_claim(self, call: StageCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record and _is_working_on(record, call, "ClaimTenant"):
            return _outcome(_first_step(record.operation.kind, record.status), record.generation, record.attempt)
        if record and is_rolling_back(record, call) and record.operation.stage == call.stage:
            return _outcome("undo", record.generation, record.attempt, failure_of(record))
        refuse_the_dead(record, call)
        require_lease(self._provisioning, record, call)
        raw = self._desired.item(call.tenant_id)
        if raw is None:
            self._offboarding.note_removal(record, call)
            return _outcome("removed", record.generation if record else 0)
        item = TenantItem.parse(raw)
        if record and record.status == Status.ROLLBACK_INCOMPLETE and _asks_the_same(record, item):
            return self._resume_roll_back(record, call)
        claimed = _next_record(record, item, call, self._settings.base_domain)
        intents = self._intents_of_adoption(record, item, claimed)
        if intents and item.adopt:
            claimed |= {"adopting": {key: item.adopt[key] for key in ("records", "alias")}}
        fact = events.TenantClaimed(
            stage=call.stage,
            attempt=claimed["attempt"],
            kind=claimed["operation"]["kind"],
            name=item.name,
            tier=item.tier,
            requested_by=item.requested_by,
            ignored_attributes=TenantItem.ignored_attributes(raw),
            **_changes(record.spec if record else {}, item.spec),
        )
        try:
            (
                self._provisioning.transaction(call.tenant_id)
                .set(claimed)
                .remove(*DUE, "hold_until", "removed_by", "confirmed_by")
                .remove(*(() if _is_known_live(record) else ("live_since",)))
                .require(as_read(record))
                .tell(fact, generation=claimed["generation"], execution_arn=call.execution_arn)
                .adopt(*intents)
                .claim(claimed["skeleton"])
                .commit()
            )
        except NameTaken:
            raise self._name_taken(item.tenant_id) from None
        step = _first_step(claimed["operation"]["kind"], claimed["status"])
        return _outcome(step, claimed["generation"], claimed["attempt"])

    def _intents_of_adoption(
        self, record: TenantRecord | None, item: TenantItem, claimed: Mapping[str, Any]
    ) -> list[Effect]:
        """Intents for exactly what the proof names, so that the writers take it for ours.

        None if the tenant has any effect: then it is under management already, or an earlier run has written these.
        """
        proof = item.adopt
        if not proof or (record and record.adopted == proof) or self._provisioning.effects.all_of(item.tenant_id):
            return []
        named = {System.DNS_RECORDS: bool(proof["records"]), System.CDN_ALIASES: proof["alias"]}
        run = {"generation": claimed["generation"], "attempt": claimed["attempt"], "target": proof["target"]}
        return [
            Effect(item.tenant_id, system, EffectState.STARTED, writer=ADOPTED, **run)
            for system, is_named in named.items()
            if is_named
        ]

    def _resume_roll_back(self, record: TenantRecord, call: StageCall) -> dict[str, Any]:
        """Nothing new is asked for, and something of the last run is still to be undone."""
        self._failures.begin_roll_back(record, call, record.last_error or {}, counts=True)
        return _outcome("undo", record.generation, record.attempt + 1, failure_of(record))

    def _name_taken(self, tenant_id: str) -> PermanentError:
        holder = self._provisioning.claims.holder(hostnames.skeleton(tenant_id)) or "another tenant"
        return NameClaimedByOther(
            f"tenant_id {shown(tenant_id)} looks like {shown(holder)}, which is taken: names that differ only in "
            "look-alike characters (1 and l, 0 and o, rn and m) count as one name"
        )

    # --- SuspendTenant ------------------------------------------------------------------------------------------------

    def suspend(self, call: StageCall) -> dict[str, Any]:
        """Visitors of a live tenant get 503 from now on. The event comes with the end of the run. Returns ``{}``."""
        return until_undisturbed(call, self._try_to_suspend)

    def _try_to_suspend(self, call: StageCall) -> dict[str, Any]:
        record = self._own_record(call)
        if record.status != Status.SUSPENDED:
            self._provisioning.update(
                call.tenant_id,
                {"status": Status.SUSPENDED, "operation.stage": call.stage},
                where(
                    "lease.holder = :holder AND attempt = :attempt", holder=call.execution_arn, attempt=record.attempt
                ),
            )
        return {}

    # --- ActivateTenant -----------------------------------------------------------------------------------------------

    def activate(self, call: StageCall) -> dict[str, Any]:
        """The site is verified: it is live. Give the lease back, or go round again if more was asked meanwhile.

        Returns ``{again}``.
        """
        return until_undisturbed(call, self._try_to_activate)

    def _try_to_activate(self, call: StageCall) -> dict[str, Any]:
        record = self._own_record(call)
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

    def _own_record(self, call: StageCall) -> TenantRecord:
        record = self._provisioning.record(call.tenant_id)
        if record is None or (record.lease and record.lease.holder != call.execution_arn):
            raise LeaseHeldByOther(f"tenant {shown(call.tenant_id)} is not in the hands of {call.execution_arn} now")
        return record


def _is_working_on(record: TenantRecord, call: StageCall, stage: str) -> bool:
    """Whether this very call has succeeded before, and only its answer was lost."""
    return (
        record.lease is not None
        and record.lease.holder == call.execution_arn
        and record.operation.execution_arn == call.execution_arn
        and record.operation.stage == stage
        and record.operation.state == OperationState.RUNNING
    )


def _outcome(
    outcome: str, generation: int, attempt: int = 0, failure: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return {"outcome": outcome, "generation": generation, "attempt": attempt, "failure": dict(failure or {})}


def _asks_the_same(record: TenantRecord, item: TenantItem) -> bool:
    return (record.spec_digest, record.requested_at) == (digest_of(item.spec), item.requested_at)


def _next_record(record: TenantRecord | None, item: TenantItem, call: StageCall, base_domain: str) -> dict[str, Any]:
    """The record once the tenant is claimed. The generation counts desired states, the attempt counts runs."""
    digest = digest_of(item.spec)
    is_new = record is None or record.spec_digest != digest
    requested = record.requested if record else 0
    moment = clock.now()
    kind, status = _direction(record, item)
    return first_fields(record) | {
        "status": str(status),
        "generation": (record.generation if record else 0) + (1 if is_new else 0),
        "attempt": (record.attempt if record else 0) + 1,
        "requested": requested,
        "seen": requested,
        "stalls": 0 if is_new or record is None else record.stalls,
        "requested_at": item.requested_at,
        "lease": {"holder": call.execution_arn, "since": moment},
        "operation": operation(kind, OperationState.RUNNING, call, moment),
        "spec": item.spec,
        "spec_digest": digest,
        "skeleton": hostnames.skeleton(item.tenant_id),
        "host": hostnames.host_of(item.tenant_id, base_domain),
    }


def _is_known_live(record: TenantRecord | None) -> bool:
    """Whether there is somebody's live site to take care of. With its database archived, a tenant begins anew."""
    if record is None or not record.was_ever_live:
        return False
    return record.status not in (Status.OFFBOARDING, Status.OFFBOARDED) or record.database_path is not None


def _direction(record: TenantRecord | None, item: TenantItem) -> tuple[OperationKind, Status]:
    """What the run is for, and what visitors get meanwhile."""
    if record is None or not _is_known_live(record):
        return OperationKind.ONBOARD, Status.PENDING
    if record.status == Status.OFFBOARDING:
        return OperationKind.UPDATE, Status.PENDING
    last = record.operation
    is_unfinished = last.kind == OperationKind.SUSPEND and last.state != OperationState.SUCCEEDED
    if item.desired_state == "suspended" and (record.status == Status.ACTIVE or is_unfinished):
        return OperationKind.SUSPEND, record.status
    if item.desired_state == "active" and record.status == Status.SUSPENDED:
        return OperationKind.RESUME, record.status
    return OperationKind.UPDATE, record.status


def _first_step(kind: str, status: str) -> str:
    return "suspend" if kind == OperationKind.SUSPEND and status != Status.SUSPENDED else "claimed"


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked for otherwise than before: all names, and the values of what may stand in an event."""
    changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    told = [name for name in changed if name in _TOLD]
    return {
        "changed": changed,
        "before": {name: before[name] for name in told if name in before},
        "after": {name: after[name] for name in told if name in after},
    }


def _end_fact(record: TenantRecord, status: Status, call: StageCall) -> events.Fact:
    host, stage, attempt = record.host, call.stage, record.attempt
    is_suspension = record.status != Status.SUSPENDED or record.operation.kind == OperationKind.SUSPEND
    if status == Status.SUSPENDED and is_suspension:
        return events.TenantSuspended(stage=stage, attempt=attempt, host=host)
    if record.status == Status.PENDING:
        return events.TenantActivated(stage=stage, attempt=attempt, host=host)
    if status == Status.ACTIVE and record.status == Status.SUSPENDED:
        return events.TenantResumed(stage=stage, attempt=attempt, host=host)
    return events.TenantUpdated(stage=stage, attempt=attempt, host=host, changed=call.changed)
