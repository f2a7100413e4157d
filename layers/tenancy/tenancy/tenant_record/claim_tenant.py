"""ClaimTenant: what is asked for now becomes this execution's, with the tenant's name and its lease."""

from collections.abc import Mapping
from typing import Any

from tenancy.domain import events, hostnames
from tenancy.domain.calls import StateCall, operation
from tenancy.domain.errors import NameClaimedByOther, PermanentError
from tenancy.domain.item import TenantItem
from tenancy.domain.record import OperationKind, OperationState, Status, TenantRecord
from tenancy.domain.systems import System
from tenancy.domain.values import digest_of, shown
from tenancy.platform import clock
from tenancy.platform.settings import LifecycleSettings
from tenancy.tables.effects import ADOPTED, Effect, EffectState
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.tenants import DesiredState
from tenancy.tables.transaction import NameTaken, as_read
from tenancy.tenant_record.hold_tenant import HoldTenant
from tenancy.tenant_record.lease import DUE, first_fields, has_begun, refuse_the_dead, require_lease, until_undisturbed
from tenancy.tenant_record.roll_back import RollBack, failure_of, is_rolling_back

_TOLD = ("name", "tier", "desired_state")
"""Of a tenant's item, what an event may say the values of."""


class ClaimTenant:
    """The state ClaimTenant."""

    def __init__(self, settings: LifecycleSettings) -> None:
        self._settings = settings
        self._desired = DesiredState(settings.tenants_table)
        self._provisioning = Provisioning(settings.provisioning_table)
        self._roll_back = RollBack(settings)
        self._hold = HoldTenant(settings)

    def run(self, call: StateCall) -> dict[str, Any]:
        """Read what is asked for now; claim the name and take the lease, in one transaction.

        Returns ``{outcome, generation, attempt, failure}``; outcome is ``claimed``, ``suspend`` if that is to be done
        first, ``removed`` if the item is gone, or ``undo`` if the roll-back of an earlier run, whose ``failure`` that
        is, has to be finished first.
        Raises InvalidTenantItem, NameClaimedByOther, LeaseHeldByOther.
        """
        return until_undisturbed(call, self._try)

    def _try(self, call: StateCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record and has_begun(record, call):
            return _outcome(_first_step(record.operation.kind, record.status), record.generation, record.attempt)
        if record and is_rolling_back(record, call) and record.operation.stage == call.stage:
            return _outcome("undo", record.generation, record.attempt, failure_of(record))
        refuse_the_dead(record, call)
        require_lease(self._provisioning, record, call)
        raw = self._desired.item(call.tenant_id)
        if raw is None:
            self._hold.note_removal(record, call)
            return _outcome("removed", record.generation if record else 0)
        item = TenantItem.parse(raw)
        if record and record.status == Status.ROLLBACK_INCOMPLETE and _asks_the_same(record, item):
            return self._resume_roll_back(record, call)
        return self._claim(record, item, call, TenantItem.ignored_attributes(raw))

    def _claim(
        self, record: TenantRecord | None, item: TenantItem, call: StateCall, ignored: list[str]
    ) -> dict[str, Any]:
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
            ignored_attributes=ignored,
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
        """Return intents for exactly what the proof names, so that the writers take it for ours.

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

    def _resume_roll_back(self, record: TenantRecord, call: StateCall) -> dict[str, Any]:
        """Go on undoing the last run, since nothing new is asked for."""
        self._roll_back.begin(record, call, record.last_error or {}, counts=True)
        return _outcome("undo", record.generation, record.attempt + 1, failure_of(record))

    def _name_taken(self, tenant_id: str) -> PermanentError:
        holder = self._provisioning.claims.holder(hostnames.skeleton(tenant_id)) or "another tenant"
        return NameClaimedByOther(
            f"tenant_id {shown(tenant_id)} looks like {shown(holder)}, which is taken: names that differ only in "
            "look-alike characters (1 and l, 0 and o, rn and m) count as one name"
        )


def _outcome(
    outcome: str, generation: int, attempt: int = 0, failure: Mapping[str, str] | None = None
) -> dict[str, Any]:
    return {"outcome": outcome, "generation": generation, "attempt": attempt, "failure": dict(failure or {})}


def _asks_the_same(record: TenantRecord, item: TenantItem) -> bool:
    return (record.spec_digest, record.requested_at) == (digest_of(item.spec), item.requested_at)


def _next_record(record: TenantRecord | None, item: TenantItem, call: StateCall, base_domain: str) -> dict[str, Any]:
    """Return the record of a claimed tenant. The generation counts desired states, the attempt counts runs."""
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
    """Return whether a live site is to be taken care of. With its database archived, a tenant begins anew."""
    if record is None or not record.was_ever_live:
        return False
    return record.status not in (Status.OFFBOARDING, Status.OFFBOARDED) or record.database_path is not None


def _direction(record: TenantRecord | None, item: TenantItem) -> tuple[OperationKind, Status]:
    """Return what the run is for, and what visitors get meanwhile."""
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
    """Return what is asked for otherwise than before: all names, and the values of what an event may tell."""
    changed = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    told = [name for name in changed if name in _TOLD]
    return {
        "changed": changed,
        "before": {name: before[name] for name in told if name in before},
        "after": {name: after[name] for name in told if name in after},
    }
