"""Who is responsible for a tenant, and what its record says: the states ClaimTenant, ActivateTenant, RecordFailure
and HoldTenant.

One execution at a time holds a tenant's lease. A loser counts up ``requested`` and ends; the holder gives the lease
back only if ``requested`` is what it had ``seen`` when it read the item, else it goes round again. So no change is
lost, and none is worked on twice at once.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from tenancy import aws, clock, events, hostnames, workflow
from tenancy.errors import (
    ConcurrentUpdate,
    LeaseHeldByOther,
    NameClaimedByOther,
    PermanentError,
    is_permanent,
    remedy_for,
)
from tenancy.model import OperationKind, OperationState, StageCall, Status, TenantItem, TenantRecord, digest_of, shown
from tenancy.provisioning import ConditionFailed, NameTaken, Provisioning
from tenancy.settings import RecordSettings

_TRIES = 8
_CLAIMING = ("ClaimTenant", "HoldTenant")
_FREE_OR_MINE = "(attribute_not_exists(lease) OR lease.holder = :holder)"
_AS_READ = (
    "(attribute_not_exists(attempt) OR (generation = :generation AND attempt = :attempt AND requested = :requested))"
)


class TenantLifecycle:
    """The tenant record's way from one status to the next."""

    def __init__(self, settings: RecordSettings) -> None:
        self._settings = settings
        self._dynamodb = aws.client("dynamodb")
        self._provisioning = Provisioning(settings.provisioning_table)

    # --- ClaimTenant --------------------------------------------------------------------------------------------------

    def claim(self, call: StageCall) -> dict[str, Any]:
        """Read what is asked for now; claim the name and take the lease, in one transaction.

        Returns ``{outcome, generation, attempt}``; outcome is ``claimed``, or ``removed`` if the item is gone.
        Raises InvalidTenantItem, NameClaimedByOther, LeaseHeldByOther.
        """
        return self._until_undisturbed(call, self._try_to_claim)

    def _try_to_claim(self, call: StageCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record and _is_working_on(record, call, "ClaimTenant"):
            return _claimed(record)
        dead_holder = self._require_lease(record, call)
        raw = self._read_item(call.tenant_id)
        if raw is None:
            self._hold(record, call, dead_holder)
            return {"outcome": "removed", "generation": record.generation if record else 0, "attempt": 0}
        item = TenantItem.parse(raw)
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
                condition=f"{_free_or_mine(dead_holder)} AND {_AS_READ}",
                values=_as_read(record, call, dead_holder),
                event=_event(fact, call, claimed["generation"]),
                claim=claimed["skeleton"],
            )
        except NameTaken:
            raise self._name_taken(item.tenant_id) from None
        return {"outcome": "claimed", "generation": claimed["generation"], "attempt": claimed["attempt"]}

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
        return self._until_undisturbed(call, self._try_to_activate)

    def _try_to_activate(self, call: StageCall) -> dict[str, Any]:
        record = self._own_record(call)
        if record.lease is None:
            return {"again": False}
        again = record.requested != record.seen
        status = Status.SUSPENDED if record.spec.get("desired_state") == "suspended" else Status.ACTIVE
        moment = clock.now()
        fields: dict[str, Any] = {
            "status": str(status),
            "live_since": record.live_since or moment,
            # The next round reads the item after this moment, so it sees whatever these notes were about.
            "seen": record.requested,
            "operation": _operation(record.operation.kind, OperationState.SUCCEEDED, call, record.operation.started_at),
        }
        self._provisioning.commit(
            call.tenant_id,
            fields=fields,
            remove=["last_error", *([] if again else ["lease"])],
            condition="lease.holder = :holder AND requested = :requested AND attempt = :attempt",
            values={":holder": call.execution_arn, ":requested": record.requested, ":attempt": record.attempt},
            event=_event(_end_fact(record, status, call), call, record.generation),
        )
        return {"again": again}

    # --- RecordFailure ------------------------------------------------------------------------------------------------

    def record_failure(self, call: StageCall) -> dict[str, Any]:
        """A state failed for good, or its retries are used up: say so, in the record and in the outbox.

        A tenant that was ever live keeps its status and its site. Returns ``{again}``.
        """
        return self._until_undisturbed(call, self._try_to_record_failure)

    def _try_to_record_failure(self, call: StageCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        if record and _is_recorded(record, call):
            return {"again": record.lease is not None}
        dead_holder = self._require_lease(record, call)
        error = _error_of(call)
        state = OperationState.FAILED if is_permanent(error["code"]) else OperationState.STALLED
        holds_lease = record is not None and record.lease is not None and record.lease.holder == call.execution_arn
        again = holds_lease and record is not None and record.requested != record.seen
        # A run that failed before it had claimed anything is a run all the same, and counted: its failure must not
        # look like a repetition of the last one.
        attempt = (record.attempt if record else 0) + (1 if call.failed_stage in _CLAIMING else 0)
        kind = OperationKind.UPDATE if record and record.was_ever_live else OperationKind.ONBOARD
        started_at = record.operation.started_at if record and holds_lease else clock.now()
        fields = _first_fields(record) | {
            "status": str(_status_after_failure(record, state)),
            "attempt": attempt,
            "seen": record.requested if record else 0,
            "last_error": error,
            "operation": _operation(kind, state, call, started_at, stage=error["stage"]),
        }
        self._provisioning.commit(
            call.tenant_id,
            fields=fields,
            remove=[] if again else ["lease"],
            condition=f"{_free_or_mine(dead_holder)} AND {_AS_READ}",
            values=_as_read(record, call, dead_holder),
            event=_event(_failure_fact(record, fields, call), call, fields["generation"]),
        )
        return {"again": again}

    # --- HoldTenant ---------------------------------------------------------------------------------------------------

    def hold(self, call: StageCall) -> dict[str, Any]:
        """The item is gone: note that the tenant is to be offboarded, and leave everything as it is.

        The site stays as it is until the grace period is over; an item that comes back ends the hold. Returns
        ``{outcome}``: ``held``, or ``returned`` if there is an item again.
        """
        return self._until_undisturbed(call, self._try_to_hold)

    def _try_to_hold(self, call: StageCall) -> dict[str, Any]:
        record = self._provisioning.record(call.tenant_id)
        dead_holder = self._require_lease(record, call)
        if self._read_item(call.tenant_id) is not None:
            return {"outcome": "returned"}
        self._hold(record, call, dead_holder)
        return {"outcome": "held"}

    def _hold(self, record: TenantRecord | None, call: StageCall, dead_holder: str | None) -> None:
        if record is None:
            return
        self._provisioning.commit(
            call.tenant_id,
            fields={"operation": _operation(OperationKind.OFFBOARD, OperationState.HELD, call, clock.now())},
            remove=["lease"],
            condition=f"{_free_or_mine(dead_holder)} AND {_AS_READ}",
            values=_as_read(record, call, dead_holder),
        )

    # --- shared -------------------------------------------------------------------------------------------------------

    def _until_undisturbed(self, call: StageCall, step: Callable[[StageCall], dict[str, Any]]) -> dict[str, Any]:
        for _ in range(_TRIES):
            try:
                return step(call)
            except ConditionFailed:
                continue
        raise ConcurrentUpdate(
            f"the record of tenant {shown(call.tenant_id)} changed {_TRIES} times while {call.stage} read it"
        )

    def _require_lease(self, record: TenantRecord | None, call: StageCall) -> str | None:
        """Make sure that the lease is free, ours, or left behind by an execution that has ended: that one is returned.

        Raises LeaseHeldByOther after the holder has been told to go round again.
        """
        if record is None or record.lease is None or record.lease.holder == call.execution_arn:
            return None
        if not workflow.is_running(record.lease.holder):
            return record.lease.holder
        self._provisioning.update(
            call.tenant_id,
            fields={"requested": record.requested + 1},
            condition="lease.holder = :other AND requested = :requested",
            values={":other": record.lease.holder, ":requested": record.requested},
        )
        raise LeaseHeldByOther(f"{record.lease.holder} works on tenant {shown(call.tenant_id)} and goes round again")

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


def _event(fact: events.Fact, call: StageCall, generation: int) -> events.Event:
    return events.Event.of(
        fact,
        tenant_id=call.tenant_id,
        generation=generation,
        execution_arn=call.execution_arn,
        occurred_at=clock.now(),
    )


def _free_or_mine(dead_holder: str | None) -> str:
    return "(lease.holder = :dead)" if dead_holder else _FREE_OR_MINE


def _as_read(record: TenantRecord | None, call: StageCall, dead_holder: str | None) -> dict[str, Any]:
    values: dict[str, Any] = {
        ":generation": record.generation if record else 0,
        ":attempt": record.attempt if record else 0,
        ":requested": record.requested if record else 0,
    }
    return values | ({":dead": dead_holder} if dead_holder else {":holder": call.execution_arn})


def _is_working_on(record: TenantRecord, call: StageCall, stage: str) -> bool:
    """Whether this very call has succeeded before, and only its answer was lost."""
    return (
        record.lease is not None
        and record.lease.holder == call.execution_arn
        and record.operation.execution_arn == call.execution_arn
        and record.operation.stage == stage
        and record.operation.state == OperationState.RUNNING
    )


def _is_recorded(record: TenantRecord, call: StageCall) -> bool:
    """Whether this very failure is on record, and only the answer was lost. An execution may fail more than once."""
    error = record.last_error or {}
    return (error.get("execution_arn"), error.get("entered_at")) == (call.execution_arn, call.entered_at)


def _claimed(record: TenantRecord) -> dict[str, Any]:
    return {"outcome": "claimed", "generation": record.generation, "attempt": record.attempt}


def _first_fields(record: TenantRecord | None) -> dict[str, Any]:
    """What a record needs that is written for the first time."""
    if record:
        return {"generation": record.generation}
    return {"generation": 0, "requested": 0, "seen": 0, "created_at": clock.now()}


def _next_record(record: TenantRecord | None, item: TenantItem, call: StageCall, base_domain: str) -> dict[str, Any]:
    """The record once the tenant is claimed. The generation counts desired states, the attempt counts runs."""
    digest = digest_of(item.spec)
    is_new = record is None or record.spec_digest != digest
    requested = record.requested if record else 0
    moment = clock.now()
    kind = OperationKind.UPDATE if record and record.was_ever_live else OperationKind.ONBOARD
    status = record.status if record and record.was_ever_live else Status.PENDING
    return _first_fields(record) | {
        "status": str(status),
        "generation": (record.generation if record else 0) + (1 if is_new else 0),
        "attempt": (record.attempt if record else 0) + 1,
        "requested": requested,
        "seen": requested,
        "lease": {"holder": call.execution_arn, "since": moment},
        "operation": _operation(kind, OperationState.RUNNING, call, moment),
        "spec": item.spec,
        "spec_digest": digest,
        "skeleton": hostnames.skeleton(item.tenant_id),
        "host": hostnames.host_of(item.tenant_id, base_domain),
    }


def _operation(
    kind: OperationKind, state: OperationState, call: StageCall, started_at: str, *, stage: str | None = None
) -> dict[str, str]:
    return {
        "kind": str(kind),
        "state": str(state),
        "stage": stage or call.stage,
        "execution_arn": call.execution_arn,
        "started_at": started_at,
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


def _status_after_failure(record: TenantRecord | None, state: OperationState) -> Status:
    if record and record.was_ever_live:
        return record.status
    return Status.FAILED if state == OperationState.FAILED else Status.PENDING


def _failure_fact(record: TenantRecord | None, fields: Mapping[str, Any], call: StageCall) -> events.Failure:
    if fields["operation"]["state"] == OperationState.STALLED:
        kind: type[events.Failure] = events.TenantStalled
    elif record and record.was_ever_live:
        kind = events.TenantUpdateFailed
    else:
        kind = events.TenantOnboardingFailed
    error = fields["last_error"]
    return kind(
        stage=error["stage"],
        attempt=fields["attempt"],
        status=fields["status"],
        name=record.spec.get("name") if record else None,
        code=error["code"],
        message=error["message"],
        remedy=error["remedy"],
    )


def _error_of(call: StageCall) -> dict[str, str]:
    """What the record keeps of a failure. Lambda wraps the message of an exception into JSON: unwrapped here."""
    message = call.cause
    try:
        cause = json.loads(call.cause)
        message = str(cause.get("errorMessage", call.cause)) if isinstance(cause, dict) else call.cause
    except ValueError:
        pass
    return {
        "code": call.error,
        "stage": call.failed_stage,
        "message": message[:2000],
        "remedy": remedy_for(call.error),
        "at": clock.now(),
        "execution_arn": call.execution_arn,
        "entered_at": call.entered_at,
    }
