"""Who removed a tenant's item is on record, where the command said so."""

import json
from typing import Any

import pytest

from tenancy.platform import clock
from tenancy.tables.provisioning import Provisioning

from .conftest import Lifecycle, Tables

pytestmark = pytest.mark.slow


def remover(provisioning: Provisioning) -> str | None:
    record = provisioning.record("granja")
    assert record is not None
    return record.removed_by


def ended(tables: Tables) -> dict[str, Any]:
    (event,) = [item for item in tables.items() if item.get("type") == "TenantOffboarded"]
    return dict(json.loads(event["detail"])["data"])


def take_down(tables: Tables, lifecycle: Lifecycle, **by: str) -> None:
    tables.provisioning.update_item(
        Key={"pk": "TENANT#granja", "sk": "TENANT"},
        UpdateExpression="SET due_at = :past, hold_until = :past",
        ExpressionAttributeValues={":past": clock.now(-1)},
    )
    assert lifecycle.hold("granja", "off", **by)["outcome"] == "offboard"
    lifecycle.release("granja", "off")


@pytest.fixture
def removed(tables: Tables, lifecycle: Lifecycle) -> None:
    tables.insert("granja")
    lifecycle.onboard("granja")
    tables.tenants.delete_item(Key={"tenant_id": "granja"})


@pytest.mark.parametrize("order", [("", "ana"), ("ana", ""), ("ana", "berta")])
def test_the_remover_is_on_record_whichever_run_holds_the_tenant(
    removed: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning, order: tuple[str, str]
) -> None:
    for number, by in enumerate(order):
        assert lifecycle.hold("granja", f"run-{number}", removed_by=by)["outcome"] == "held"
        lifecycle.end(f"run-{number}")

    assert remover(provisioning) == "ana"
    held = tables.provisioning.get_item(Key={"pk": "TENANT#granja", "sk": "TENANT"})["Item"]
    assert (held["due_for"], held["operation"]["state"], "lease" in held) == ("offboard", "HELD", False)
    take_down(tables, lifecycle)
    assert (ended(tables)["requested_by"], ended(tables)["confirmed_by"]) == ("ana", None)


def test_who_confirmed_it_is_told_too(removed: None, tables: Tables, lifecycle: Lifecycle) -> None:
    lifecycle.hold("granja", "hold")
    lifecycle.end("hold")
    take_down(tables, lifecycle, confirmed_by="berta")

    assert (ended(tables)["requested_by"], ended(tables)["confirmed_by"]) == (None, "berta")


def test_one_that_came_back_was_removed_by_nobody(
    removed: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    lifecycle.hold("granja", "hold", removed_by="ana")
    lifecycle.end("hold")
    tables.insert("granja")

    assert lifecycle.hold("granja", "late", removed_by="ana")["outcome"] == "returned"
    lifecycle.onboard("granja", "back")

    assert remover(provisioning) is None


def test_of_a_tenant_that_is_gone_nothing_is_written(
    removed: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    lifecycle.hold("granja", "hold")
    lifecycle.end("hold")
    take_down(tables, lifecycle)
    lifecycle.end("off")
    before = tables.items()

    assert lifecycle.hold("granja", "again", removed_by="ana")["outcome"] == "held"

    assert tables.items() == before


def test_one_that_was_never_live_goes_at_once_and_says_who(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", "on")
    lifecycle.fail("granja", "SiteNotReady", stage="VerifyTenant", execution="on")
    lifecycle.end("on")
    tables.tenants.delete_item(Key={"tenant_id": "granja"})

    assert lifecycle.hold("granja", "off", removed_by="ana")["outcome"] == "offboard"

    assert remover(provisioning) == "ana"
