"""Who is responsible for a tenant, and what its record says."""

import json
from collections.abc import Callable

import pytest

from tenancy.domain.errors import InvalidTenantItem, LeaseHeldByOther, NameClaimedByOther
from tenancy.tables.provisioning import Provisioning

from .conftest import Lifecycle, Tables


def test_a_claim_takes_the_lease_and_the_name_and_says_so(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja")

    assert lifecycle.claim("granja") == {"outcome": "claimed", "generation": 1, "attempt": 1, "failure": {}}

    record = provisioning.record("granja")
    assert record is not None
    assert (record.status, record.host, record.operation.kind) == ("PENDING", "granja.fluxionia.co", "onboard")
    assert record.lease is not None
    assert record.lease.holder == "one"
    assert provisioning.claims.holder("granja") == "granja"
    assert tables.events() == ["TenantClaimed"]


def test_a_claim_whose_answer_was_lost_is_made_once(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("granja")

    assert lifecycle.claim("granja") == lifecycle.claim("granja")
    assert tables.events() == ["TenantClaimed"]


def test_a_bad_item_creates_nothing_but_a_failed_record(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("www")
    with pytest.raises(InvalidTenantItem) as refused:
        lifecycle.claim("www")
    assert tables.items() == []

    cause = json.dumps({"errorType": "InvalidTenantItem", "errorMessage": str(refused.value)})
    assert lifecycle.fail("www", "InvalidTenantItem", cause) == {"again": False}

    record, event = sorted(tables.items(), key=lambda item: item["sk"], reverse=True)
    assert record["status"] == "FAILED"
    assert record["last_error"]["message"] == "tenant_id 'www' is reserved for the platform"
    assert "lease" not in record
    assert event["type"] == "TenantOnboardingFailed"


def test_the_loser_of_a_lease_leaves_a_note_and_the_holder_goes_round_again(
    tables: Tables, lifecycle: Lifecycle
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", "one")
    tables.insert("granja", name="La Granja")
    with pytest.raises(LeaseHeldByOther):
        lifecycle.claim("granja", "two")

    assert lifecycle.activate("granja", "one") == {"again": True}
    assert lifecycle.claim("granja", "one") == {"outcome": "claimed", "generation": 2, "attempt": 2, "failure": {}}
    assert lifecycle.activate("granja", "one") == {"again": False}
    assert tables.events() == ["TenantClaimed", "TenantActivated", "TenantClaimed", "TenantUpdated"]


def test_a_note_that_comes_while_the_lease_is_given_back_is_not_lost(
    tables: Tables, lifecycle: Lifecycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", "one")

    def note() -> None:
        with pytest.raises(LeaseHeldByOther):
            lifecycle.claim("granja", "two")

    overtake(monkeypatch, note)

    assert lifecycle.activate("granja", "one") == {"again": True}


def test_of_two_that_read_the_same_record_at_the_same_moment_one_claims_and_the_other_leaves_a_note(
    tables: Tables, lifecycle: Lifecycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.insert("granja")
    overtake(monkeypatch, lambda: lifecycle.claim("granja", "one"))

    with pytest.raises(LeaseHeldByOther):
        lifecycle.claim("granja", "two")

    assert lifecycle.activate("granja", "one") == {"again": True}


def test_a_run_that_came_and_went_between_look_and_claim_is_not_overwritten(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.insert("granja")
    lifecycle.onboard("granja")
    overtake(monkeypatch, lambda: lifecycle.onboard("granja", "one"))

    lifecycle.claim("granja", "two")

    record = provisioning.record("granja")
    assert record is not None
    assert record.attempt == 3


def test_of_two_failures_at_the_same_moment_none_is_lost(
    tables: Tables, lifecycle: Lifecycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables.insert("www")
    overtake(monkeypatch, lambda: lifecycle.fail("www", "InvalidTenantItem", execution="one"))

    lifecycle.fail("www", "InvalidTenantItem", execution="two")

    assert tables.events() == ["TenantOnboardingFailed"] * 2


def overtake(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Between the next reading of a record and what follows from it, somebody else acts."""
    read = Provisioning.record

    def read_and_be_overtaken(self: Provisioning, tenant_id: str) -> object:
        found = read(self, tenant_id)
        monkeypatch.setattr(Provisioning, "record", read)
        act()
        return found

    monkeypatch.setattr(Provisioning, "record", read_and_be_overtaken)


def test_a_lease_is_taken_from_an_execution_that_has_ended(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", "one")
    lifecycle.end("one")

    assert lifecycle.claim("granja", "two")["attempt"] == 2
    with pytest.raises(LeaseHeldByOther):
        lifecycle.activate("granja", "one")


def test_asking_again_is_another_run_of_the_same_generation(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("granja")
    lifecycle.onboard("granja")
    tables.insert("granja", requested_at="2026-11-24T00:00:00Z")

    assert lifecycle.claim("granja", "two") == {"outcome": "claimed", "generation": 1, "attempt": 2, "failure": {}}
    lifecycle.activate("granja", "two", changed=False)

    last = max(tables.items(), key=lambda item: item["sk"] if item["sk"].startswith("EVENT") else "")
    assert json.loads(last["detail"])["data"]["changed"] is False


def test_a_failed_change_of_a_live_tenant_changes_nothing_that_visitors_see(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja")
    lifecycle.onboard("granja")
    tables.insert("granja", name="")

    with pytest.raises(InvalidTenantItem):
        lifecycle.claim("granja", "two")
    lifecycle.fail("granja", "InvalidTenantItem", execution="two")

    record = provisioning.record("granja")
    assert record is not None
    assert (record.status, record.operation.state) == ("ACTIVE", "FAILED")
    assert record.spec["name"] == "La Granja Mercado"
    assert tables.events()[-1] == "TenantUpdateFailed"


def test_each_failure_is_recorded_and_none_is_recorded_twice(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("www")
    for execution in ("one", "two", "two"):
        lifecycle.fail("www", "InvalidTenantItem", execution=execution, visit=execution)

    assert tables.events() == ["TenantOnboardingFailed"] * 2


def test_a_bad_item_that_came_during_a_run_fails_once_and_the_execution_ends(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", "one")
    tables.insert("granja", name="")
    with pytest.raises(LeaseHeldByOther):
        lifecycle.claim("granja", "two")
    assert lifecycle.activate("granja", "one") == {"again": True}
    with pytest.raises(InvalidTenantItem):
        lifecycle.claim("granja", "one")

    assert lifecycle.fail("granja", "InvalidTenantItem", execution="one") == {"again": False}

    record = provisioning.record("granja")
    assert record is not None
    assert (record.status, record.lease) == ("ACTIVE", None)
    assert tables.events() == ["TenantClaimed", "TenantActivated", "TenantUpdateFailed"]


def test_an_execution_that_fails_twice_is_recorded_twice(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", "one")
    tables.insert("granja", name="")
    with pytest.raises(LeaseHeldByOther):
        lifecycle.claim("granja", "two")
    assert lifecycle.fail("granja", "AccessDenied", stage="AttachCname", execution="one") == {"again": True}
    with pytest.raises(InvalidTenantItem):
        lifecycle.claim("granja", "one")

    assert lifecycle.fail("granja", "InvalidTenantItem", execution="one") == {"again": False}
    assert tables.events().count("TenantOnboardingFailed") == 2


def test_an_exhausted_retry_stalls_and_keeps_what_stands(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja")

    lifecycle.fail("granja", "SiteNotReady", stage="VerifyTenant")

    record = provisioning.record("granja")
    assert record is not None
    assert (record.status, record.operation.state, record.operation.stage) == ("PENDING", "STALLED", "VerifyTenant")
    assert record.lease is None
    assert tables.events()[-1] == "TenantStalled"


def test_a_failure_goes_round_again_if_more_was_asked_meanwhile(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", "one")
    with pytest.raises(LeaseHeldByOther):
        lifecycle.claim("granja", "two")

    assert lifecycle.fail("granja", "AccessDenied", stage="AttachCname", execution="one") == {"again": True}
    assert lifecycle.claim("granja", "one")["attempt"] == 2


@pytest.mark.parametrize(("first", "second"), [("lagranja", "1agranja"), ("1agranja", "lagranja")])
def test_of_two_confusable_names_the_first_wins_and_the_second_is_told_why(
    tables: Tables, lifecycle: Lifecycle, first: str, second: str
) -> None:
    tables.insert(first)
    tables.insert(second)
    lifecycle.claim(first, "one")

    with pytest.raises(NameClaimedByOther, match=first):
        lifecycle.claim(second, "two")
    assert [item["pk"] for item in tables.items() if item["sk"] == "TENANT"] == [f"TENANT#{first}"]


def test_a_suspended_tenant_is_suspended_and_comes_back(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("granja")
    lifecycle.onboard("granja")
    for number, wanted in enumerate(("suspended", "active")):
        tables.insert("granja", desired_state=wanted)
        lifecycle.onboard("granja", f"run-{number}")

    assert [name for name in tables.events() if name != "TenantClaimed"] == [
        "TenantActivated",
        "TenantSuspended",
        "TenantResumed",
    ]


def test_a_removed_item_is_held_and_its_site_stays(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja")
    lifecycle.onboard("granja")
    tables.tenants.delete_item(Key={"tenant_id": "granja"})

    assert lifecycle.hold("granja", "two")["outcome"] == "held"

    record = provisioning.record("granja")
    assert record is not None
    assert (record.status, record.operation.kind, record.operation.state) == ("ACTIVE", "offboard", "HELD")


def test_an_item_that_came_back_ends_the_hold(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("granja")
    lifecycle.onboard("granja")

    assert lifecycle.hold("granja", "two")["outcome"] == "returned"


def test_a_claim_of_an_item_that_is_gone_holds_the_tenant(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("granja")
    lifecycle.onboard("granja")
    tables.tenants.delete_item(Key={"tenant_id": "granja"})

    assert lifecycle.claim("granja", "two")["outcome"] == "removed"


def test_a_removal_of_a_tenant_that_never_was_leaves_nothing(tables: Tables, lifecycle: Lifecycle) -> None:
    assert lifecycle.hold("granja")["outcome"] == "held"
    assert tables.items() == []


def test_an_activation_whose_answer_was_lost_goes_round_again_all_the_same(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", "one")
    tables.insert("granja", name="Otra")
    with pytest.raises(LeaseHeldByOther):
        lifecycle.claim("granja", "two")

    answers = [lifecycle.activate("granja", "one") for _ in range(2)]

    assert answers == [{"again": True}] * 2
    assert lifecycle.claim("granja", "one")["generation"] == 2
    assert [lifecycle.activate("granja", "one") for _ in range(2)] == [{"again": False}] * 2
