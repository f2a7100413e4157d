"""A tenant's way out: held, cancelled, taken, released, and back. Too many removals wait for a person."""

from typing import Any

import pytest

from tenancy.domain.errors import GenerationSuperseded, LeaseHeldByOther, NameClaimedByOther
from tenancy.platform import clock, step_functions
from tenancy.reconcile.start_due import Reconciler
from tenancy.tables.provisioning import Provisioning

from .conftest import GRACE_SECONDS, Lifecycle, Tables, reconcile_settings

pytestmark = pytest.mark.slow


def set_due(tables: Tables, tenant: str, moment: str) -> None:
    tables.provisioning.update_item(
        Key={"pk": f"TENANT#{tenant}", "sk": "TENANT"},
        UpdateExpression="SET due_at = :moment, hold_until = :moment",
        ExpressionAttributeValues={":moment": moment},
    )


def remove(tables: Tables, tenant: str) -> None:
    tables.tenants.delete_item(Key={"tenant_id": tenant})


def record_of(provisioning: Provisioning, tenant: str) -> Any:
    record = provisioning.record(tenant)
    assert record is not None
    return record


@pytest.fixture
def live(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("granja", contact_email="hola@lagranja.example")
    lifecycle.onboard("granja")


@pytest.fixture
def held(live: None, tables: Tables, lifecycle: Lifecycle) -> None:
    remove(tables, "granja")
    lifecycle.hold("granja", "hold")
    lifecycle.end("hold")


@pytest.fixture
def leaving(held: None, tables: Tables, lifecycle: Lifecycle) -> None:
    set_due(tables, "granja", clock.now(-1))
    assert lifecycle.hold("granja", "off")["outcome"] == "offboard"


def test_a_removed_tenant_is_held_until_its_grace_period_is_over(held: None, provisioning: Provisioning) -> None:
    record = record_of(provisioning, "granja")

    assert (record.status, record.operation.kind, record.operation.state) == ("ACTIVE", "offboard", "HELD")
    assert clock.now(GRACE_SECONDS - 60) < record.due_at <= clock.now(GRACE_SECONDS)
    assert (record.due_for, record.lease, record.is_wanted) == ("offboard", None, True)


def test_looking_again_within_the_grace_period_changes_nothing(
    held: None, tables: Tables, lifecycle: Lifecycle
) -> None:
    before = tables.items()

    assert lifecycle.hold("granja", "again")["outcome"] == "held"
    assert tables.items() == before


def test_an_item_that_is_back_in_time_leaves_nothing_to_do(
    held: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja", contact_email="hola@lagranja.example")
    lifecycle.onboard("granja", "back")

    record = record_of(provisioning, "granja")
    assert (record.status, record.operation.state, record.due_for, record.due_at) == ("ACTIVE", "SUCCEEDED", None, None)
    assert record.generation == 1
    set_due(tables, "granja", clock.now(-1))
    assert lifecycle.hold("granja", "late")["outcome"] == "returned"


def test_the_end_of_the_grace_period_takes_the_tenant_from_its_visitors(
    leaving: None, provisioning: Provisioning, lifecycle: Lifecycle
) -> None:
    record = record_of(provisioning, "granja")

    assert (record.status, record.operation.state, record.is_wanted) == ("OFFBOARDING", "RUNNING", False)
    assert record.lease.holder == "off"
    assert lifecycle.hold("granja", "off")["outcome"] == "offboard", "its answer was lost"


def test_a_released_name_comes_back_at_once_and_confusable_names_do_not(
    leaving: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    assert [lifecycle.release("granja", "off") for _ in range(2)] == [{}, {}], "its answer was lost"
    lifecycle.end("off")

    record = record_of(provisioning, "granja")
    assert (record.status, record.lease, record.live_since) == ("OFFBOARDED", None, None)
    assert record.spec == {"name": record.spec["name"]}, "what the customer asked for is forgotten"
    assert tables.events()[-2:] == ["HostnameReleased", "TenantOffboarded"]
    tables.insert("granja")
    assert lifecycle.claim("granja", "back")["generation"] == 2, "a new tenant, not the old one"
    assert record_of(provisioning, "granja").status == "PENDING"


def test_a_confusable_name_waits_for_the_end_of_the_cool_down(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("lagranja")
    lifecycle.onboard("lagranja")
    remove(tables, "lagranja")
    lifecycle.hold("lagranja", "hold")
    set_due(tables, "lagranja", clock.now(-1))
    lifecycle.hold("lagranja", "off")
    lifecycle.release("lagranja", "off")
    tables.insert("1agranja")

    with pytest.raises(NameClaimedByOther):
        lifecycle.claim("1agranja", "early")

    tables.provisioning.update_item(
        Key={"pk": "CLAIM#lagranja", "sk": "CLAIM"},
        UpdateExpression="SET free_at = :past",
        ExpressionAttributeValues={":past": clock.now(-1)},
    )
    assert lifecycle.claim("1agranja", "later")["outcome"] == "claimed"
    assert provisioning.claims.holder("lagranja") == "1agranja"


def test_a_tenant_that_was_never_live_is_not_held(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", "one")
    lifecycle.fail("granja", "SiteNotReady", stage="VerifyTenant", execution="one")
    lifecycle.end("one")
    remove(tables, "granja")

    assert lifecycle.hold("granja", "off")["outcome"] == "offboard"
    assert record_of(provisioning, "granja").status == "OFFBOARDING"


@pytest.mark.parametrize(("due", "outcome"), [(-1, "offboard"), (1800, "held")])
def test_a_look_that_fails_does_not_begin_the_grace_period_again(
    held: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning, due: int, outcome: str
) -> None:
    until = clock.now(due)
    set_due(tables, "granja", until)
    lifecycle.fail("granja", "ServiceUnavailable", stage="HoldTenant", execution="looks")
    assert record_of(provisioning, "granja").status == "ACTIVE"

    assert lifecycle.hold("granja", "off")["outcome"] == outcome
    assert record_of(provisioning, "granja").due_at == (until if outcome == "held" else None)


@pytest.mark.parametrize("code", ["ServiceUnavailable", "AccessDenied"])
def test_an_offboarding_that_fails_stays_one_and_is_tried_again(
    leaving: None, lifecycle: Lifecycle, provisioning: Provisioning, tables: Tables, code: str
) -> None:
    assert lifecycle.fail("granja", code, stage="DetachCname", execution="off") == {"again": False}
    lifecycle.end("off")

    record = record_of(provisioning, "granja")
    assert (record.status, record.operation.kind, record.due_for) == ("OFFBOARDING", "offboard", "retry")
    assert tables.events()[-1] == "TenantOffboardingFailed"
    assert record.last_error is not None
    assert lifecycle.hold("granja", "again")["outcome"] == "offboard"
    assert record_of(provisioning, "granja").last_error is None


def test_each_failure_of_an_offboarding_is_an_event_of_its_own(
    leaving: None, lifecycle: Lifecycle, tables: Tables
) -> None:
    lifecycle.fail("granja", "ServiceUnavailable", stage="DetachCname", execution="off")
    lifecycle.end("off")
    lifecycle.fail("granja", "ServiceUnavailable", stage="HoldTenant", execution="again")

    assert tables.events().count("TenantOffboardingFailed") == 2


def test_an_item_that_comes_back_in_the_midst_is_due_as_soon_as_the_name_is_released(
    leaving: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja")
    with pytest.raises(LeaseHeldByOther):
        lifecycle.claim("granja", "back")

    lifecycle.release("granja", "off")

    record = record_of(provisioning, "granja")
    assert (record.status, record.due_for) == ("OFFBOARDED", "retry")
    assert record.due_at <= clock.now()


def test_an_item_that_comes_back_while_the_offboarding_rests_finds_its_data(
    leaving: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.provisioning.update_item(
        Key={"pk": "TENANT#granja", "sk": "TENANT"},
        UpdateExpression="SET database_path = :path",
        ExpressionAttributeValues={":path": "granja/1.duckdb"},
    )
    lifecycle.fail("granja", "ServiceUnavailable", stage="DetachCname", execution="off")
    lifecycle.end("off")
    tables.insert("granja", contact_email="hola@lagranja.example")

    lifecycle.claim("granja", "back")

    record = record_of(provisioning, "granja")
    assert (record.status, record.is_wanted, record.due_for) == ("PENDING", True, None)
    assert record.was_ever_live, "or a roll-back would discard a customer's rows"
    assert record.database_path == "granja/1.duckdb"
    with pytest.raises(LeaseHeldByOther):
        lifecycle.release("granja", "off")


def test_an_item_that_comes_back_after_the_database_went_begins_anew(
    leaving: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    lifecycle.fail("granja", "ServiceUnavailable", stage="InvalidateCache", execution="off")
    lifecycle.end("off")
    tables.insert("granja", contact_email="hola@lagranja.example")

    lifecycle.claim("granja", "back")

    record = record_of(provisioning, "granja")
    assert (record.status, record.operation.kind, record.was_ever_live) == ("PENDING", "onboard", False)


def test_a_dead_execution_releases_nothing(leaving: None, lifecycle: Lifecycle) -> None:
    lifecycle.fail("granja", "ServiceUnavailable", stage="DetachCname", execution="off")

    with pytest.raises((LeaseHeldByOther, GenerationSuperseded)):
        lifecycle.release("granja", "off")


# --- suspension -------------------------------------------------------------------------------------------------------


def test_a_suspension_comes_before_everything_else_of_its_run(
    live: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja", desired_state="suspended", contact_email="hola@lagranja.example")

    assert lifecycle.claim("granja", "two")["outcome"] == "suspend"
    assert record_of(provisioning, "granja").status == "ACTIVE"
    assert lifecycle.suspend("granja", "two") == {}
    assert record_of(provisioning, "granja").status == "SUSPENDED"
    assert lifecycle.claim("granja", "two") is not None
    lifecycle.activate("granja", "two")
    assert tables.events()[-1] == "TenantSuspended"


def test_a_suspension_that_failed_on_its_way_ends_as_one_all_the_same(
    live: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja", desired_state="suspended")
    lifecycle.claim("granja", "two")
    lifecycle.suspend("granja", "two")
    lifecycle.fail("granja", "ServiceUnavailable", stage="InvalidateCache", execution="two")
    lifecycle.end("two")

    assert record_of(provisioning, "granja").status == "SUSPENDED"
    assert lifecycle.claim("granja", "three")["outcome"] == "claimed"
    lifecycle.activate("granja", "three")
    assert tables.events()[-1] == "TenantSuspended"


def test_a_claim_says_what_is_asked_for_otherwise_and_no_more_of_it_than_may_be_told(
    live: None, tables: Tables, lifecycle: Lifecycle
) -> None:
    tables.insert("granja", tier="premium", contact_email="otra@lagranja.example")
    lifecycle.claim("granja", "two")

    (detail,) = [item["detail"] for item in tables.items() if "#000002#10#" in item["sk"]]
    assert '"changed": ["contact_email", "tier"]' in detail
    assert ('"before": {"tier": "standard"}' in detail, '"after": {"tier": "premium"}' in detail) == (True, True)
    assert "lagranja.example" not in detail


# --- mass removal -----------------------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(step_functions, "start", lambda machine, name, tenant: found.append(tenant) or True)
    return found


def reconciler(percent: float = 10, at_least: int = 5) -> Reconciler:
    return Reconciler(reconcile_settings(mass_removal_percent=percent, mass_removal_at_least=at_least))


def fleet(tables: Tables, lifecycle: Lifecycle, size: int, removed: int, due: str) -> list[str]:
    tenants = [f"mercado-{number:02d}" for number in range(size)]
    for tenant in tenants:
        tables.insert(tenant)
        lifecycle.onboard(tenant, f"on-{tenant}")
    for tenant in tenants[:removed]:
        remove(tables, tenant)
        lifecycle.hold(tenant, f"hold-{tenant}")
        lifecycle.end(f"hold-{tenant}")
        set_due(tables, tenant, due)
    return tenants


@pytest.mark.parametrize(
    ("size", "removed", "is_held"),
    [(12, 4, False), (12, 5, True), (50, 5, False), (50, 6, True), (5, 5, True)],
)
def test_too_many_removals_wait_for_a_person(
    tables: Tables, lifecycle: Lifecycle, started: list[str], size: int, removed: int, is_held: bool
) -> None:
    tenants = fleet(tables, lifecycle, size, removed, clock.now(-1))

    answer = reconciler().start_due()

    assert sorted(answer["held"]) == (tenants[:removed] if is_held else [])
    assert sorted(started) == ([] if is_held else tenants[:removed])


def test_those_that_are_due_within_the_hour_count_and_those_later_do_not(
    tables: Tables, lifecycle: Lifecycle, started: list[str]
) -> None:
    tenants = fleet(tables, lifecycle, 6, 5, clock.now(1800))
    set_due(tables, tenants[0], clock.now(4000))

    assert reconciler().start_due() == {"started": [], "held": [], "expired": []}

    set_due(tables, tenants[0], clock.now(1800))
    assert len(reconciler().start_due()["held"]) == 5


def test_held_removals_go_when_they_are_confirmed_and_exactly_they(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning, started: list[str]
) -> None:
    tenants = fleet(tables, lifecycle, 6, 5, clock.now(-1))
    reconciler().start_due()

    assert reconciler().start_due() == {"started": [], "held": [], "expired": []}, "said once"
    assert lifecycle.hold(tenants[0], "unasked")["outcome"] == "held"
    assert lifecycle.hold(tenants[0], "asked", confirmed_by="ana")["outcome"] == "offboard"
    assert record_of(provisioning, tenants[0]).status == "OFFBOARDING"
    assert {record_of(provisioning, tenant).status for tenant in tenants[1:]} == {"ACTIVE"}


def test_a_look_that_fails_confirms_nothing(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning, started: list[str]
) -> None:
    tenant, *_ = fleet(tables, lifecycle, 5, 5, clock.now(-1))
    reconciler().start_due()
    lifecycle.fail(tenant, "ServiceUnavailable", stage="HoldTenant", execution="looks")

    assert record_of(provisioning, tenant).due_for == "confirmation"
    assert lifecycle.hold(tenant, "unasked")["outcome"] == "held"
    assert lifecycle.hold(tenant, "asked", confirmed_by="ana")["outcome"] == "offboard"


def test_a_confirmation_ends_the_waiting_and_not_the_grace_period(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning, started: list[str]
) -> None:
    tenant, *_ = fleet(tables, lifecycle, 5, 5, clock.now(1800))
    reconciler().start_due()

    assert lifecycle.hold(tenant, "asked", confirmed_by="ana")["outcome"] == "held"
    assert reconciler().start_due() == {"started": [], "held": [], "expired": []}
    set_due(tables, tenant, clock.now(-1))
    assert reconciler().start_due()["started"] == [tenant]
    assert lifecycle.hold(tenant, "off")["outcome"] == "offboard"


def test_items_that_come_back_leave_nothing_held(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning, started: list[str]
) -> None:
    tenants = fleet(tables, lifecycle, 6, 5, clock.now(-1))
    reconciler().start_due()

    for tenant in tenants:
        tables.insert(tenant)
        lifecycle.onboard(tenant, f"back-{tenant}")

    assert {record_of(provisioning, tenant).due_for for tenant in tenants} == {None}
    assert reconciler().start_due() == {"started": [], "held": [], "expired": []}
    assert {record_of(provisioning, tenant).status for tenant in tenants} == {"ACTIVE"}
    assert lifecycle.hold(tenants[0], "late", confirmed_by="ana")["outcome"] == "returned"
