"""`fluxion tenants restore` writes a wish into the item, and nothing else."""

from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from cli import confirming, main
from control.stacks import Output

from .conftest import Deployed, Fluxion

pytestmark = pytest.mark.slow

KEPT = {"folder": "granja/0a1b", "manifest_sha256": "0" * 64}


@pytest.fixture
def granja(deployed: Deployed) -> Deployed:
    deployed.put(tenant_id="granja", name="A", note="kept")
    deployed.record("granja", archive=KEPT)
    return deployed


def wish(deployed: Deployed) -> Any:
    item = deployed.item("granja")
    assert item is not None
    assert item["note"] == "kept"
    return item.get("restore")


def test_the_last_archive_on_record_is_asked_for(granja: Deployed, fluxion: Fluxion) -> None:
    assert fluxion("tenants", "restore", "granja", "--no-watch").exit_code == 0

    asked = wish(granja)
    assert asked["archive"] == "granja/0a1b"
    assert asked["asked_at"].endswith("Z")
    assert set(asked) == {"archive", "asked_at"}


def test_another_archive_may_be_named_but_only_one_of_the_tenant_s_own(granja: Deployed, fluxion: Fluxion) -> None:
    refused = fluxion("tenants", "restore", "granja", "--archive", "vecina/0a1b", "--no-watch")
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert "must begin with 'granja/'" in refused.stderr
    assert wish(granja) is None

    assert fluxion("tenants", "restore", "granja", "--archive", "granja/2c3d", "--no-watch").exit_code == 0
    assert wish(granja)["archive"] == "granja/2c3d"


@pytest.mark.parametrize(("typed", "is_asked"), [("granjb\n", False), ("granja\n", True)])
def test_who_has_a_database_is_asked_for_the_id(
    granja: Deployed, monkeypatch: pytest.MonkeyPatch, fluxion: Fluxion, typed: str, is_asked: bool
) -> None:
    granja.record("granja", archive=KEPT, database_path="granja/f00d.duckdb")
    assert "no terminal" in fluxion("tenants", "restore", "granja", "--no-watch").stderr
    monkeypatch.setattr(confirming, "is_terminal", lambda: True)

    CliRunner().invoke(main.app, ["tenants", "restore", "granja", "--no-watch"], input=typed)

    assert bool(wish(granja)) == is_asked
    assert fluxion("tenants", "restore", "granja", "--yes", "--no-watch").exit_code == 0


def test_where_no_archive_is_on_record_those_that_are_there_are_listed(deployed: Deployed, fluxion: Fluxion) -> None:
    deployed.put(tenant_id="granja", name="A")
    deployed.record("granja")
    deployed.outputs[Output.ARCHIVE_BUCKET] = "archive"
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="archive")
    for key in (
        "granja/1/manifest.json",
        "granja/1/orders.parquet",
        "granja/2/orders.parquet",
        "granja2/3/manifest.json",
    ):
        s3.put_object(Bucket="archive", Key=key, Body=b"")

    refused = fluxion("tenants", "restore", "granja", "--no-watch")

    assert refused.exit_code == 1
    assert "one of: granja/1." in refused.stderr
    assert deployed.item("granja") == {"tenant_id": "granja", "name": "A"}


def test_a_restore_can_be_taken_back(granja: Deployed, fluxion: Fluxion) -> None:
    assert fluxion("tenants", "restore", "granja", "--no-watch").exit_code == 0
    assert fluxion("tenants", "restore", "granja", "--cancel", "--archive", "granja/1").exit_code == 1
    assert wish(granja)

    assert fluxion("tenants", "restore", "granja", "--cancel", "--no-watch").exit_code == 0

    assert wish(granja) is None
    assert fluxion.json("tenants", "restore", "granja", "--cancel")["changed"] == []


def test_nobody_is_restored_whom_nobody_asks_for(deployed: Deployed, fluxion: Fluxion) -> None:
    deployed.record("granja", archive=KEPT)

    refused = fluxion("tenants", "restore", "granja")

    assert refused.exit_code == 1
    assert "tenants add granja" in refused.stderr
