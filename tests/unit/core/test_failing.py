"""When a state fails: what is undone, what is kept, what is said, and when it is tried again."""

import pytest

from tenancy.domain.errors import LeaseHeldByOther
from tenancy.domain.record import Status
from tenancy.group_commit.cdn_aliases import Distribution
from tenancy.group_commit.dns_records import HostedZone
from tenancy.platform import clock
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import ConditionFailed, where

from .conftest import (
    CDN,
    DNS,
    RUN,
    Ask,
    Lifecycle,
    Tables,
    claims,
    fields_of,
    last_event,
    record_of,
)

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
    begun: None, ask: Ask, lifecycle: Lifecycle, provisioning: Provisioning, tables: Tables
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
        provisioning.transaction("granja").require(where("attribute_not_exists(x)")).release("x").commit()

    assert claims(tables) == ["other"]
