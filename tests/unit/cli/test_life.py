"""The commands of a tenant's later life: they write the item, or take it away, and nothing else."""

import base64
import json
import shlex
from decimal import Decimal
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from cli import confirming, main
from control.tables import ControlPlane

from .conftest import Deployed, Fluxion

HELD = {"kind": "offboard", "state": "HELD", "stage": "HoldTenant", "execution_arn": "a", "started_at": "t"}


def test_an_update_changes_what_is_given_and_nothing_else(deployed: Deployed, fluxion: Fluxion) -> None:
    deployed.put(tenant_id="granja", name="A", note="kept", settings={"a": "1", "n": Decimal("1.25")})

    given = ("--tier", "premium", "--setting", "b=2", "--unset-setting", "a", "--no-watch")
    assert fluxion("tenants", "update", "granja", *given).exit_code == 0

    item = deployed.item("granja")
    assert item["settings"] == {"n": Decimal("1.25"), "b": "2"}
    assert (item["tier"], item["note"], item["name"]) == ("premium", "kept", "A")
    assert item["requested_at"]


@pytest.mark.parametrize("given", [(), ("--name", "a\nb", "--no-watch")])
def test_an_update_that_makes_no_sense_writes_nothing(
    deployed: Deployed, fluxion: Fluxion, given: tuple[str, ...]
) -> None:
    deployed.put(tenant_id="granja", name="A")

    refused = fluxion("tenants", "update", "granja", *given)

    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert deployed.item("granja") == {"tenant_id": "granja", "name": "A"}


@pytest.mark.parametrize("moment", ["record", "change"])
def test_of_two_operators_the_second_one_is_told(
    deployed: Deployed, fluxion: Fluxion, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    deployed.put(tenant_id="granja", name="A")
    real = getattr(ControlPlane, moment)

    def after_another(self: Any, *given: Any, **more: Any) -> Any:
        deployed.put(tenant_id="granja", name="B")
        return real(self, *given, **more)

    monkeypatch.setattr(ControlPlane, moment, after_another)
    lost = fluxion("tenants", "update", "granja", "--tier", "basic", "--no-watch")

    assert lost.exit_code == 1
    assert "Somebody else" in lost.stderr
    assert deployed.item("granja") == {"tenant_id": "granja", "name": "B"}


def test_what_is_suspended_already_is_not_written_again(deployed: Deployed, fluxion: Fluxion) -> None:
    deployed.put(tenant_id="granja", name="A")

    assert fluxion("tenants", "suspend", "granja", "--no-watch").exit_code == 0
    suspended = deployed.item("granja")
    assert suspended["desired_state"] == "suspended"
    assert fluxion.json("tenants", "suspend", "granja") == {"tenant_id": "granja", "changed": []}
    assert deployed.item("granja") == suspended
    assert fluxion("tenants", "resume", "granja", "--no-watch").exit_code == 0
    assert deployed.item("granja")["desired_state"] == "active"


@pytest.mark.parametrize(("typed", "is_removed"), [("granjb\n", False), ("granja\n", True)])
def test_a_removal_asks_for_the_id(
    deployed: Deployed, monkeypatch: pytest.MonkeyPatch, typed: str, is_removed: bool
) -> None:
    deployed.put(tenant_id="granja", name="A")
    monkeypatch.setattr(confirming, "is_terminal", lambda: True)

    CliRunner().invoke(main.app, ["tenants", "remove", "granja", "--no-watch"], input=typed)

    assert bool(deployed.item("granja")) == (not is_removed)


def test_a_removal_without_a_person_needs_yes(deployed: Deployed, fluxion: Fluxion) -> None:
    deployed.put(tenant_id="granja", name="A")

    refused = fluxion("tenants", "remove", "granja", "--no-watch")

    assert refused.exit_code == 1
    assert "no terminal" in refused.stderr
    assert deployed.item("granja")


def test_a_removal_says_how_to_bring_the_item_back_exactly(deployed: Deployed, fluxion: Fluxion) -> None:
    item = {"tenant_id": "granja", "name": "It's", "settings": {"n": Decimal("1.25")}, "tags": {"x", "y"}, "b": b"\0"}
    deployed.put(**item)

    told = fluxion.json("tenants", "remove", "granja", "--yes", "--no-watch")

    assert told["item"]["name"] == "It's"
    assert not deployed.item("granja")
    words = shlex.split(told["put_back"])
    back = json.loads(words[words.index("--item") + 1])
    back["b"]["B"] = base64.b64decode(back["b"]["B"])  # as the AWS CLI does
    boto3.client("dynamodb").put_item(TableName=deployed.tenants, Item=back)
    found = deployed.item("granja")
    assert (found["settings"], found["tags"]) == ({"n": Decimal("1.25")}, {"x", "y"})


def test_a_removal_is_watched_until_the_tenant_is_held(
    deployed: Deployed, fluxion: Fluxion, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed.put(tenant_id="granja", name="A")
    deployed.record("granja")
    real = ControlPlane.remove

    def held(self: Any, tenant_id: str) -> Any:
        removed = real(self, tenant_id)
        deployed.record("granja", attempt=2, due_at="2026-12-01T00:00:00Z", due_for="offboard", operation=HELD)
        return removed

    monkeypatch.setattr(ControlPlane, "remove", held)
    told = fluxion("tenants", "remove", "granja", "--yes")

    assert told.exit_code == 0
    assert "held until 2026-12-01" in told.stdout


def test_a_mass_removal_is_confirmed_for_those_that_wait_and_have_no_item(
    deployed: Deployed, fluxion: Fluxion, started: list[dict[str, Any]]
) -> None:
    for tenant, due in (("aaa", "confirmation"), ("bbb", "confirmation"), ("ccc", "offboard"), ("ddd", "confirmation")):
        deployed.record(tenant, due_for=due, operation=HELD)
    deployed.put(tenant_id="ddd", name="D")

    assert fluxion("tenants", "remove", "--held").exit_code == 1
    assert fluxion("tenants", "remove", "--held", "--yes", "ccc").exit_code == 1
    assert started == []
    told = fluxion.json("tenants", "remove", "--held", "--yes")

    assert [each["tenant_id"] for each in told] == ["aaa", "bbb"]
    assert [json.loads(call["input"])["tenant_id"] for call in started] == ["aaa", "bbb"]
    assert json.loads(started[0]["input"])["confirmed_by"].startswith("fluxion")


def test_a_history_says_who_asked_and_what_changed(deployed: Deployed, fluxion: Fluxion) -> None:
    changed = {"requested_by": "ana", "before": {"tier": "basic"}, "after": {"tier": "premium"}}
    at, denied = "2026-11-24T08:00:00Z", {"code": "AccessDenied", "message": "not authorized"}
    deployed.event("granja", 10, "TenantClaimed", "s", at, **changed)
    deployed.event("granja", 90, "TenantUpdateFailed", "s", at, **denied)
    deployed.event("granja", 10, "TenantClaimed", "s", at, attempt=2)

    told = fluxion.json("tenants", "history", "granja")
    shown = fluxion("tenants", "history", "granja").stdout

    assert [each["event"] if "event" in each else each["type"] for each in told][:1] == ["TenantClaimed"]
    assert len(told) == 3
    assert len(fluxion.json("tenants", "history", "granja", "--limit", "1")) == 1
    assert "tier: basic → premium" in shown
    assert "AccessDenied: not authorized" in shown
    assert "ana" in shown
    assert fluxion("tenants", "history", "nobody").exit_code == 1


def test_a_history_tells_a_removal_in_the_order_in_which_it_went(deployed: Deployed, fluxion: Fluxion) -> None:
    deployed.event("granja", 50, "CacheInvalidated", "InvalidateCache", "2026-11-24T08:00:03.000Z")
    deployed.event("granja", 81, "DnsRecordsDeleted", "DeleteDnsRecords", "2026-11-24T08:00:01.000Z")
    deployed.event("granja", 83, "DatabaseArchived", "ArchiveDatabase", "2026-11-24T08:00:02.000Z")

    told = [each["event"] for each in fluxion.json("tenants", "history", "granja")]

    assert told == ["DnsRecordsDeleted", "DatabaseArchived", "CacheInvalidated"]
    (newest,) = fluxion.json("tenants", "history", "granja", "--limit", "1")
    assert newest["event"] == "CacheInvalidated"
