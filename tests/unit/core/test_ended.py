"""Executions that could not say how they ended, and tenants that are due."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tenancy.domain.errors import GenerationSuperseded, LeaseHeldByOther
from tenancy.domain.record import Status
from tenancy.ended_executions import EndedExecutions
from tenancy.platform import clock, step_functions
from tenancy.platform.settings import RecordSettings
from tenancy.reconcile.start_due import Reconciler
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import Transaction

from .conftest import (
    BASE,
    RUN,
    Executions,
    Lifecycle,
    Tables,
    fields_of,
    last_event,
    reconcile_settings,
    record_of,
)

# --- executions that could not say how they ended ---------------------------------------------------------------------

type Ended = Callable[..., None]


@pytest.fixture
def ended(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Ended:
    settings = RecordSettings(tenants_table="tenants", provisioning_table="provisioning", base_domain=BASE)
    ends = EndedExecutions(settings)

    def ended(execution: str, status: str = "ABORTED", stage: str = "CreateDnsRecords", **more: Any) -> None:
        monkeypatch.setattr(step_functions, "last_state", lambda _: stage)
        detail = {
            "executionArn": execution,
            "status": status,
            "input": json.dumps({"tenant_id": "granja"}),
            "stopDate": 1795491242000,
            **more,
        }
        ends.record(json.dumps({"detail-type": "Step Functions Execution Status Change", "detail": detail}))

    return ended


@pytest.mark.parametrize(("status", "code"), [("ABORTED", "ExecutionAborted"), ("TIMED_OUT", "ExecutionTimedOut")])
def test_a_stopped_execution_leaves_a_record_and_is_tried_again(
    begun: None, ended: Ended, lifecycle: Lifecycle, provisioning: Provisioning, tables: Tables, status: str, code: str
) -> None:
    lifecycle.end(RUN)

    for _ in range(2):  # the message may come twice
        ended(RUN, status)

    record = record_of(provisioning)
    assert (record.operation.state, record.lease) == ("STALLED", None)
    assert (record.last_error or {})["code"] == code
    assert (record.last_error or {})["stage"] == "CreateDnsRecords"
    assert tables.events().count("TenantStalled") == 1
    assert fields_of(tables)["due_for"] == "retry"


def test_one_that_was_stopped_before_it_had_claimed_anything_is_recorded_too(
    ended: Ended, tables: Tables, provisioning: Provisioning
) -> None:
    tables.insert("granja")

    ended(RUN, stage="ClaimTenant")

    assert (record_of(provisioning).status, record_of(provisioning).attempt) == (Status.PENDING, 1)
    assert tables.events() == ["TenantStalled"]


def test_what_a_state_has_recorded_is_not_recorded_twice(
    begun: None, ended: Ended, lifecycle: Lifecycle, tables: Tables, provisioning: Provisioning
) -> None:
    lifecycle.fail("granja", "SiteNotReady", stage="VerifyTenant", execution=RUN)
    lifecycle.end(RUN)
    ended(RUN, "FAILED", error="SiteNotReady")
    lifecycle.claim("granja", "two")
    lifecycle.activate("granja", "two")
    lifecycle.end("two")

    ended(RUN, "FAILED", error="SiteNotReady")
    ended("two", "ABORTED", stage="TenantActive")

    assert tables.events().count("TenantStalled") == 1
    assert record_of(provisioning).operation.state == "SUCCEEDED"


def test_one_that_failed_without_a_record_keeps_its_own_error(
    begun: None, ended: Ended, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    lifecycle.end(RUN)

    ended(RUN, "FAILED", stage="RecordFailure", error="AccessDenied", cause="no")

    record = record_of(provisioning)
    assert (record.status, (record.last_error or {})["code"]) == (Status.ROLLBACK_INCOMPLETE, "AccessDenied")


def test_one_that_was_stopped_while_undoing_is_rolled_back_further(
    begun: None, ended: Ended, lifecycle: Lifecycle, provisioning: Provisioning, tables: Tables
) -> None:
    lifecycle.roll_back("granja", "AccessDenied", "no", stage="SeedDatabase", execution=RUN)
    lifecycle.end(RUN)

    ended(RUN, "ABORTED", stage="DeleteDnsRecords")

    record = record_of(provisioning)
    assert (record.status, (record.last_error or {})["code"]) == (Status.ROLLBACK_INCOMPLETE, "AccessDenied")
    (undo_error,) = last_event(tables, "TenantOnboardingFailed")["undo_errors"]
    assert undo_error.startswith("DeleteDnsRecords: ExecutionAborted")


def test_a_stopped_execution_whose_tenant_another_one_works_on_wakes_that_one(
    begun: None, ended: Ended, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    lifecycle.end(RUN)
    lifecycle.claim("granja", "two")

    ended(RUN)

    record = record_of(provisioning)
    assert record.lease is not None
    assert (record.lease.holder, record.requested, record.seen) == ("two", 1, 0)


@pytest.mark.parametrize("state", ["ClaimTenant", "RollBack", "HoldTenant", "RecordFailure"])
def test_an_execution_that_is_on_record_as_ended_has_no_say_any_more(
    begun: None, ended: Ended, lifecycle: Lifecycle, tables: Tables, state: str
) -> None:
    lifecycle.end(RUN)
    ended(RUN)
    before = tables.items()
    act: dict[str, Callable[[], Any]] = {
        "ClaimTenant": lambda: lifecycle.claim("granja", RUN),
        "RollBack": lambda: lifecycle.roll_back("granja", "AccessDenied", stage="SeedDatabase", execution=RUN),
        "HoldTenant": lambda: lifecycle.hold("granja", RUN),
        "RecordFailure": lambda: lifecycle.fail("granja", "AccessDenied", execution=RUN),
    }

    if state == "RecordFailure":
        assert act[state]() == {"again": False}
    else:
        with pytest.raises(GenerationSuperseded):
            act[state]()
    assert tables.items() == before


def test_what_an_ended_execution_had_read_before_it_ended_decides_nothing(
    begun: None, ended: Ended, lifecycle: Lifecycle, provisioning: Provisioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, reached = Transaction.commit, []

    def late(self: Transaction) -> bool:
        if not reached:  # the first one that decides to turn round has read the record already
            reached.append(True)
            lifecycle.end(RUN)
            ended(RUN)
        return commit(self)

    monkeypatch.setattr(Transaction, "commit", late)

    with pytest.raises(GenerationSuperseded):
        lifecycle.roll_back("granja", "AccessDenied", stage="SeedDatabase", execution=RUN)

    assert (record_of(provisioning).operation.state, record_of(provisioning).lease) == ("STALLED", None)


def test_a_change_that_came_while_the_dead_execution_worked_is_due_at_once(
    tables: Tables, ended: Ended, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", RUN)
    with pytest.raises(LeaseHeldByOther):
        lifecycle.claim("granja", "two")
    lifecycle.end(RUN)

    ended(RUN, "FAILED", stage="RecordFailure", error="AliasBelongsToOthers", cause="taken")

    assert (record_of(provisioning).status, record_of(provisioning).lease) == (Status.FAILED, None)
    assert fields_of(tables)["due_at"] <= clock.now()


# --- Reconcile --------------------------------------------------------------------------------------------------------


def test_who_is_due_is_started_once_each_time(
    begun: None, lifecycle: Lifecycle, tables: Tables, executions: Executions, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, str]] = []

    def start(machine: str, name: str, tenant_id: str) -> bool:
        if (machine, name) in started:
            return False
        started.append((machine, name))
        return True

    monkeypatch.setattr(step_functions, "start", start)
    reconciler = Reconciler(reconcile_settings())
    lifecycle.fail("granja", "SiteNotReady", stage="VerifyTenant", execution=RUN)
    lifecycle.end(RUN)
    assert reconciler.start_due() == {"started": [], "held": [], "expired": []}, "not yet"

    tables.provisioning.update_item(
        Key={"pk": "TENANT#granja", "sk": "TENANT"},
        UpdateExpression="SET due_at = :past",
        ExpressionAttributeValues={":past": clock.now(-1)},
    )

    assert [reconciler.start_due()["started"] for _ in range(2)] == [["granja"], []]
    assert [machine for machine, _ in started] == ["onboard"]
