"""When a state fails: what is undone, what is kept, what is said, and when it is tried again."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tenancy import clock, workflow
from tenancy.cdn import Distribution
from tenancy.dns import HostedZone
from tenancy.ended import EndedExecutions
from tenancy.errors import GenerationSuperseded, LeaseHeldByOther
from tenancy.model import Status, TenantRecord
from tenancy.provisioning import ConditionFailed, Provisioning
from tenancy.reconciling import Reconciler
from tenancy.settings import ReconcileSettings, RecordSettings

from .conftest import BASE, CDN, DNS, Ask, Executions, Lifecycle, Tables
from .fakes import FakeCloudFront, FakeRoute53

RUN = "execution-of-granja"


@pytest.fixture
def begun(ask: Ask, cloudfront: FakeCloudFront, route53: FakeRoute53) -> None:
    """granja has its alias and its records, and was never live."""
    ask(Distribution(CDN), "granja")
    ask(HostedZone(DNS), "granja", claim=False)
    cloudfront.may_go = {f"granja.{BASE}"}


def record_of(provisioning: Provisioning, tenant_id: str = "granja") -> TenantRecord:
    record = provisioning.record(tenant_id)
    assert record is not None
    return record


def fields_of(tables: Tables, tenant_id: str = "granja") -> dict[str, Any]:
    return dict(tables.provisioning.get_item(Key={"pk": f"TENANT#{tenant_id}", "sk": "TENANT"})["Item"])


def claims(tables: Tables) -> list[str]:
    return [item["tenant_id"] for item in tables.items() if item["sk"] == "CLAIM"]


def last_event(tables: Tables, kind: str) -> dict[str, Any]:
    (*_, found) = sorted((item for item in tables.items() if item.get("type") == kind), key=lambda item: item["sk"])
    return dict(json.loads(found["detail"])["data"])


# --- RollBack ---------------------------------------------------------------------------------------------------------


def test_a_failure_for_good_turns_the_tenant_round(
    begun: None, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    answer = lifecycle.roll_back("granja", "AccessDenied", "no", stage="SeedDatabase", execution=RUN)

    record = record_of(provisioning)
    assert answer == {"undo": True, "generation": 1}
    assert (record.operation.state, record.is_wanted) == ("ROLLING_BACK", False)
    assert record.lease is not None
    assert (record.last_error or {})["code"] == "AccessDenied"


@pytest.mark.parametrize("error", ["ServiceThrottled", "SiteNotReady", "States.Timeout", "Lambda.Unknown"])
def test_exhausted_retries_undo_nothing(
    begun: None, lifecycle: Lifecycle, provisioning: Provisioning, error: str
) -> None:
    assert lifecycle.roll_back("granja", error, execution=RUN)["undo"] is False
    assert record_of(provisioning).is_wanted


def test_of_a_tenant_that_was_ever_live_nothing_is_undone(
    begun: None, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    lifecycle.activate("granja", RUN)
    lifecycle.end(RUN)
    lifecycle.claim("granja", "two")

    assert lifecycle.roll_back("granja", "AccessDenied", execution="two")["undo"] is False
    assert record_of(provisioning).is_wanted


def test_where_nothing_was_begun_nothing_is_undone(tables: Tables, lifecycle: Lifecycle) -> None:
    assert lifecycle.roll_back("nobody", "InvalidTenantItem") == {"undo": False, "generation": 0}
    tables.insert("granja")
    lifecycle.claim("granja", RUN)
    assert lifecycle.roll_back("granja", "AliasBelongsToOthers", stage="AttachCname", execution=RUN)["undo"] is False


def test_asking_twice_turns_round_once(begun: None, lifecycle: Lifecycle, provisioning: Provisioning) -> None:
    for _ in range(2):
        assert lifecycle.roll_back("granja", "AccessDenied", stage="ClaimTenant", execution=RUN)["undo"]

    assert record_of(provisioning).attempt == 2


def test_a_bad_item_undoes_what_a_stalled_run_left(
    begun: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    lifecycle.fail("granja", "SiteNotReady", stage="VerifyTenant", execution=RUN)
    lifecycle.end(RUN)

    answer = lifecycle.roll_back("granja", "InvalidTenantItem", "name '' is bad", execution="two")

    record = record_of(provisioning)
    assert answer["undo"]
    assert record.lease is not None
    assert (record.lease.holder, record.attempt) == ("two", 2)


def test_who_does_not_hold_the_lease_undoes_nothing(
    begun: None, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    with pytest.raises(LeaseHeldByOther):
        lifecycle.roll_back("granja", "InvalidTenantItem", execution="two")

    assert record_of(provisioning).is_wanted
    assert record_of(provisioning).requested == 1, "the holder goes round again"


# --- RecordFailure ----------------------------------------------------------------------------------------------------


def test_what_is_undone_is_failed_and_clean_and_its_name_is_free(
    begun: None, ask: Ask, lifecycle: Lifecycle, provisioning: Provisioning, tables: Tables
) -> None:
    lifecycle.roll_back("granja", "AccessDenied", "no", stage="SeedDatabase", execution=RUN)
    for writer in (HostedZone(DNS), Distribution(CDN)):
        ask(writer, "granja", claim=False)

    lifecycle.fail("granja", "AccessDenied", "no", stage="SeedDatabase", execution=RUN)

    record = record_of(provisioning)
    assert (record.status, record.operation.state, record.lease) == (Status.FAILED, "FAILED", None)
    assert {item["sk"] for item in tables.items() if not item["sk"].startswith("EVENT")} == {"TENANT"}
    assert last_event(tables, "TenantOnboardingFailed")["remaining"] == []
    assert "due_at" not in fields_of(tables)


def test_what_could_not_be_undone_is_listed_and_due_and_keeps_its_name(
    begun: None, ask: Ask, lifecycle: Lifecycle, provisioning: Provisioning, tables: Tables
) -> None:
    lifecycle.roll_back("granja", "AccessDenied", "no", stage="SeedDatabase", execution=RUN)
    ask(Distribution(CDN), "granja", claim=False)
    undo = [{"stage": "DeleteDnsRecords", "error": "ServiceUnavailable", "cause": "down"}]

    lifecycle.fail("granja", "AccessDenied", "no", stage="SeedDatabase", execution=RUN, undo_errors=undo)

    assert record_of(provisioning).status == Status.ROLLBACK_INCOMPLETE
    assert (record_of(provisioning).last_error or {})["code"] == "AccessDenied", "the first error is kept"
    said = last_event(tables, "TenantOnboardingFailed")
    assert said["remaining"] == ["dns_records"]
    assert said["undo_errors"] == ["DeleteDnsRecords: ServiceUnavailable: down"]
    assert fields_of(tables)["due_for"] == "retry"
    assert claims(tables) == ["granja"]


def test_the_next_run_goes_on_undoing_unless_something_else_is_asked(
    begun: None, ask: Ask, lifecycle: Lifecycle, provisioning: Provisioning, tables: Tables, route53: FakeRoute53
) -> None:
    lifecycle.roll_back("granja", "AccessDenied", "no", stage="SeedDatabase", execution=RUN)
    lifecycle.fail("granja", "AccessDenied", "no", stage="SeedDatabase", execution=RUN)
    lifecycle.end(RUN)
    assert record_of(provisioning).status == Status.ROLLBACK_INCOMPLETE

    for _ in range(2):  # its answer may be lost
        claim = lifecycle.claim("granja", "two")
        assert claim["outcome"] == "undo"
    assert claim["failure"] == {"error": "AccessDenied", "cause": "no", "stage": "SeedDatabase"}
    assert not record_of(provisioning).is_wanted
    lifecycle.fail("granja", "AccessDenied", "no", stage="SeedDatabase", execution="two")
    lifecycle.end("two")

    tables.insert("granja", requested_at="now")
    assert lifecycle.claim("granja", "three")["outcome"] == "claimed"
    assert record_of(provisioning).is_wanted
    assert "due_at" not in fields_of(tables)


def test_a_stalled_tenant_is_due_after_pauses_that_grow(
    begun: None, lifecycle: Lifecycle, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(clock, "now", lambda seconds=0: pauses.append(seconds) or f"in {seconds}")

    for number in range(12):
        execution = f"run-{number}"
        lifecycle.end(RUN)
        lifecycle.claim("granja", execution)
        assert "due_at" not in fields_of(tables)
        lifecycle.fail("granja", "SiteNotReady", stage="VerifyTenant", execution=execution)
        lifecycle.end(execution)

    assert [pause for pause in pauses if pause] == [60 * 2**n for n in range(9)] + [21600] * 3


def test_another_desired_state_and_success_begin_the_pauses_anew(
    begun: None, lifecycle: Lifecycle, tables: Tables, provisioning: Provisioning
) -> None:
    lifecycle.fail("granja", "SiteNotReady", stage="VerifyTenant", execution=RUN)
    lifecycle.end(RUN)
    assert record_of(provisioning).stalls == 1
    tables.insert("granja", name="Otra")
    lifecycle.claim("granja", "two")
    assert record_of(provisioning).stalls == 0


def test_a_name_that_another_tenant_holds_is_not_released_by_the_loser(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", RUN)
    lifecycle.fail("granja", "AliasBelongsToOthers", stage="AttachCname", execution=RUN)
    lifecycle.end(RUN)
    assert claims(tables) == []
    tables.provisioning.put_item(
        Item={"pk": f"CLAIM#{record_of(provisioning).skeleton}", "sk": "CLAIM", "tenant_id": "other"}
    )

    lifecycle.fail("granja", "NameClaimedByOther", execution="two")

    assert claims(tables) == ["other"]


def test_a_release_that_is_not_the_tenants_own_is_refused(tables: Tables, provisioning: Provisioning) -> None:
    tables.provisioning.put_item(Item={"pk": "CLAIM#x", "sk": "CLAIM", "tenant_id": "other"})

    with pytest.raises(ConditionFailed):
        provisioning.commit("granja", fields={}, condition="attribute_not_exists(x)", values={}, release="x")

    assert claims(tables) == ["other"]


# --- executions that could not say how they ended ---------------------------------------------------------------------

type Ended = Callable[..., None]


@pytest.fixture
def ended(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Ended:
    settings = RecordSettings(tenants_table="tenants", provisioning_table="provisioning", base_domain=BASE)
    ends = EndedExecutions(settings)

    def ended(execution: str, status: str = "ABORTED", stage: str = "CreateDnsRecords", **more: Any) -> None:
        monkeypatch.setattr(workflow, "last_state", lambda _: stage)
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
    commit, reached = Provisioning.commit, []

    def late(self: Provisioning, tenant_id: str, **given: Any) -> None:
        if not reached:  # the first one that decides to turn round has read the record already
            reached.append(True)
            lifecycle.end(RUN)
            ended(RUN)
        commit(self, tenant_id, **given)

    monkeypatch.setattr(Provisioning, "commit", late)

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

    monkeypatch.setattr(workflow, "start", start)
    settings = ReconcileSettings(
        tenants_table="tenants",
        provisioning_table="provisioning",
        onboard_state_machine_arn="onboard",
        offboard_state_machine_arn="offboard",
    )
    reconciler = Reconciler(settings)
    lifecycle.fail("granja", "SiteNotReady", stage="VerifyTenant", execution=RUN)
    lifecycle.end(RUN)
    assert reconciler.start_due() == {"started": []}, "not yet"

    tables.provisioning.update_item(
        Key={"pk": "TENANT#granja", "sk": "TENANT"},
        UpdateExpression="SET due_at = :past",
        ExpressionAttributeValues={":past": clock.now(-1)},
    )

    assert [reconciler.start_due() for _ in range(2)] == [{"started": ["granja"]}, {"started": []}]
    assert [machine for machine, _ in started] == ["onboard"]
