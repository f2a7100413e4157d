"""A tenant's way from one status to the next: the states ClaimTenant, ActivateTenant and HoldTenant."""

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from tenancy import aws, clock, events, hostnames
from tenancy.errors import LeaseHeldByOther, NameClaimedByOther, PermanentError
from tenancy.failing import TenantFailures, failure_of, is_rolling_back
from tenancy.leasing import (
    DUE,
    as_read,
    event_of,
    first_fields,
    operation,
    refuse_the_dead,
    require_lease,
    until_undisturbed,
)
from tenancy.model import OperationKind, OperationState, StageCall, Status, TenantItem, TenantRecord, digest_of, shown
from tenancy.provisioning import NameTaken, Provisioning
from tenancy.settings import RecordSettings


class TenantLifecycle:
    """The tenant record's way from one status to the next."""

    def __init__(self, settings: RecordSettings) -> None:
        self._settings = settings
        self._dynamodb = aws.client("dynamodb")
        self._provisioning = Provisioning(settings.provisioning_table)
        self._failures = TenantFailures(settings)

    # --- ClaimTenant --------------------------------------------------------------------------------------------------

    def claim(self, call: StageCall) -> dict[str, Any]:
        """Read what is asked for now; claim the name and take the lease, in one transaction.

        Returns ``{outcome, generation, attempt, failure}``; outcome is ``claimed``, ``removed`` if the item is gone, or
        ``undo`` if the roll-back of an earlier run, whose ``failure`` that is, has to be finished first.
        Raises InvalidTenantItem, NameClaimedByOther, LeaseHeldByOther.
        """
        return until_undisturbed(call, self._try_to_claim)

    def _try_to_claim(self, call: StageCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record and _is_working_on(record, call, "ClaimTenant"):
            return _claimed(record)
        if record and is_rolling_back(record, call) and record.operation.stage == call.stage:
            return _outcome("undo", record.generation, record.attempt, failure_of(record))
        refuse_the_dead(record, call)
        require_lease(self._provisioning, record, call)
        raw = self._read_item(call.tenant_id)
        if raw is None:
            self._hold(record, call)
            return _outcome("removed", record.generation if record else 0)
        item = TenantItem.parse(raw)
        if record and record.status == Status.ROLLBACK_INCOMPLETE and _asks_the_same(record, item):
            return self._resume_roll_back(record, call)
        claimed = _next_record(record, item, call, self._settings.base_domain)
        fact = events.TenantClaimed(
            stage=call.stage,
            attempt=claimed["attempt"],
            kind=claimed["operation"]["kind"],
            name=item.name,
            tier=item.tier,
            requested_by=item.requested_by,
            ignored_attributes=TenantItem.ignored_attributes(raw),
        )
        try:
            self._provisioning.commit(
                call.tenant_id,
                fields=claimed,
                remove=DUE,
                **as_read(record),
                event=event_of(fact, call, claimed["generation"]),
                claim=claimed["skeleton"],
            )
        except NameTaken:
            raise self._name_taken(item.tenant_id) from None
        return _outcome("claimed", claimed["generation"], claimed["attempt"])

    def _resume_roll_back(self, record: TenantRecord, call: StageCall) -> dict[str, Any]:
        """Nothing new is asked for, and something of the last run is still to be undone."""
        self._failures.begin_roll_back(record, call, record.last_error or {}, counts=True)
        return _outcome("undo", record.generation, record.attempt + 1, failure_of(record))

    def _name_taken(self, tenant_id: str) -> PermanentError:
        holder = self._provisioning.holder_of(hostnames.skeleton(tenant_id)) or "another tenant"
        return NameClaimedByOther(
            f"tenant_id {shown(tenant_id)} looks like {shown(holder)}, which is taken: names that differ only in "
            "look-alike characters (1 and l, 0 and o, rn and m) count as one name"
        )

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
        self._provisioning.commit(
            call.tenant_id,
            fields=fields,
            remove=["last_error", *DUE, *([] if again else ["lease"])],
            condition="lease.holder = :holder AND requested = :requested AND attempt = :attempt",
            values={":holder": call.execution_arn, ":requested": record.requested, ":attempt": record.attempt},
            event=event_of(_end_fact(record, status, call), call, record.generation),
        )
        return {"again": again}

    # --- HoldTenant ---------------------------------------------------------------------------------------------------

    def hold(self, call: StageCall) -> dict[str, Any]:
        """The item is gone: note that the tenant is to be offboarded, and leave everything as it is.

        The site stays as it is until the grace period is over; an item that comes back ends the hold. Returns
        ``{outcome}``: ``held``, or ``returned`` if there is an item again.
        """
        return until_undisturbed(call, self._try_to_hold)

    def _try_to_hold(self, call: StageCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        refuse_the_dead(record, call)
        require_lease(self._provisioning, record, call)
        if self._read_item(call.tenant_id) is not None:
            return {"outcome": "returned"}
        self._hold(record, call)
        return {"outcome": "held"}

    def _hold(self, record: TenantRecord | None, call: StageCall) -> None:
        if record is None:
            return
        self._provisioning.commit(
            call.tenant_id,
            fields={"operation": operation(OperationKind.OFFBOARD, OperationState.HELD, call, clock.now())},
            remove=["lease", *DUE],
            **as_read(record),
        )

    def _own_record(self, call: StageCall) -> TenantRecord:
        record = self._provisioning.record(call.tenant_id)
        if record is None or (record.lease and record.lease.holder != call.execution_arn):
            raise LeaseHeldByOther(f"tenant {shown(call.tenant_id)} is not in the hands of {call.execution_arn} now")
        return record

    def _read_item(self, tenant_id: str) -> dict[str, Any] | None:
        with aws.calls("DynamoDB"):
            key = {"tenant_id": {"S": tenant_id}}
            found = self._dynamodb.get_item(TableName=self._settings.tenants_table, Key=key, ConsistentRead=True)
        if "Item" not in found:
            return None
        deserialise = TypeDeserializer().deserialize
        return {name: deserialise(value) for name, value in found["Item"].items()}


def _is_working_on(record: TenantRecord, call: StageCall, stage: str) -> bool:
    """Whether this very call has succeeded before, and only its answer was lost."""
    return (
        record.lease is not None
        and record.lease.holder == call.execution_arn
        and record.operation.execution_arn == call.execution_arn
        and record.operation.stage == stage
        and record.operation.state == OperationState.RUNNING
    )


def _claimed(record: TenantRecord) -> dict[str, Any]:
    return _outcome("claimed", record.generation, record.attempt)


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
    kind = OperationKind.UPDATE if record and record.was_ever_live else OperationKind.ONBOARD
    status = record.status if record and record.was_ever_live else Status.PENDING
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


def _end_fact(record: TenantRecord, status: Status, call: StageCall) -> events.Fact:
    host, stage, attempt = record.host, call.stage, record.attempt
    if status == Status.SUSPENDED and record.status != Status.SUSPENDED:
        return events.TenantSuspended(stage=stage, attempt=attempt, host=host)
    if not record.was_ever_live:
        return events.TenantActivated(stage=stage, attempt=attempt, host=host)
    if status == Status.ACTIVE and record.status == Status.SUSPENDED:
        return events.TenantResumed(stage=stage, attempt=attempt, host=host)
    return events.TenantUpdated(stage=stage, attempt=attempt, host=host, changed=call.changed)
