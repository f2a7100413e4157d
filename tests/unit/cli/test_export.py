"""`fluxion tenants export` and `purge`: what is written here, what is asked of the function, and what is refused."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from cli import confirming, main
from control.stacks import Output

from .conftest import Deployed, Fluxion

pytestmark = pytest.mark.slow

ROWS = b"PAR1 rows PAR1"
FOLDER = "exports/granja/18ab-20261124T080000000Z"


class Function:
    """fluxion-tenant-database, as far as its answers go."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {}
        self.error: dict[str, str] | None = None

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's spelling
        assert FunctionName == "fluxion-tenant-database"
        self.asked.append(json.loads(Payload))
        failed = {"FunctionError": "Unhandled"} if self.error else {}
        return {**failed, "Payload": io.BytesIO(json.dumps(self.error or self.answer).encode())}


def manifest(tenant_id: str = "granja", rows: bytes = ROWS) -> bytes:
    table = {"file": "customers.parquet", "file_sha256": hashlib.sha256(rows).hexdigest(), "rows": 1}
    return json.dumps({"tenant_id": tenant_id, "tables": {"customers": table}}).encode()


@pytest.fixture
def function(deployed: Deployed) -> Function:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="archive-5E6F")
    deployed.outputs[Output.ARCHIVE_BUCKET] = "archive-5E6F"
    deployed.stand_ins["lambda"] = function = Function()
    return function


def uploaded(folder: str, text: bytes, rows: bytes | None = ROWS) -> dict[str, Any]:
    """An export in the bucket, and the receipt that the function gives for it."""
    s3 = boto3.client("s3", region_name="us-east-1")
    files = {"manifest.json": text, "schema.sql": b"CREATE", **({"customers.parquet": rows} if rows else {})}
    for name, content in files.items():
        s3.put_object(Bucket="archive-5E6F", Key=f"{folder}/{name}", Body=content)
    digest = hashlib.sha256(text).hexdigest()
    return {"tenant_id": "granja", "folder": folder, "manifest_sha256": digest, "rows": {"customers": 1}, "bytes": 9}


def test_an_export_is_fetched_checked_and_receipted(
    deployed: Deployed, function: Function, fluxion: Fluxion, tmp_path: Path
) -> None:
    deployed.record("granja", database_path="granja/18ab.duckdb")
    function.answer = uploaded(FOLDER, manifest())

    receipt = fluxion.json("tenants", "export", "granja", "--to", str(tmp_path / "out"))

    assert (tmp_path / "out" / "customers.parquet").read_bytes() == ROWS
    assert {path.name for path in (tmp_path / "out").iterdir()} == {*receipt["files"], "receipt.json"}
    assert json.loads((tmp_path / "out" / "receipt.json").read_text()) == receipt
    assert receipt["files"]["customers.parquet"] == hashlib.sha256(ROWS).hexdigest()
    (asked,) = function.asked
    assert (asked["stage"], asked["tenant_id"], asked["execution_arn"]) == ("ExportDatabase", "granja", "")
    assert asked["requested_by"].startswith("fluxion")
    assert asked["request"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_tenant_that_is_gone_is_exported_from_its_archive_without_the_function(
    deployed: Deployed, function: Function, fluxion: Fluxion, tmp_path: Path
) -> None:
    kept = uploaded("granja/18ab", manifest()) | {"exported_at": "2026-11-24T08:00:00.000Z"}
    deployed.record("granja", status="OFFBOARDED", archive=kept)

    receipt = fluxion.json("tenants", "export", "granja", "--to", str(tmp_path / "out"))

    assert (receipt["folder"], function.asked) == ("granja/18ab", [])
    assert (tmp_path / "out" / "customers.parquet").read_bytes() == ROWS


def led_out_of_the_folder() -> dict[str, Any]:
    boto3.client("s3", region_name="us-east-1").put_object(Bucket="archive-5E6F", Key=f"{FOLDER}/../../evil", Body=b"x")
    return uploaded(FOLDER, manifest())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        pytest.param(lambda: uploaded(FOLDER, manifest(), b"other rows"), "customers.parquet", id="other-rows"),
        pytest.param(lambda: uploaded(FOLDER, manifest(), None), "customers.parquet", id="no-rows"),
        pytest.param(lambda: uploaded(FOLDER, manifest("bodega")), "bodega", id="of-another-tenant"),
        pytest.param(lambda: uploaded(FOLDER, manifest()) | {"manifest_sha256": "0" * 64}, "", id="another-manifest"),
        pytest.param(led_out_of_the_folder, "", id="a-name-that-leads-out-of-the-folder"),
    ],
)
def test_what_is_not_whole_is_not_kept(
    deployed: Deployed, function: Function, fluxion: Fluxion, tmp_path: Path, answer: Any, says: str
) -> None:
    deployed.record("granja", database_path="granja/18ab.duckdb")
    function.answer = answer()

    refused = fluxion("tenants", "export", "granja", "--to", str(tmp_path / "out"))

    assert (refused.exit_code, says in refused.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(deployed: Deployed, function: Function, fluxion: Fluxion, tmp_path: Path) -> None:
    deployed.record("granja", database_path="granja/18ab.duckdb")
    (tmp_path / "out").mkdir()

    refused = fluxion("tenants", "export", "granja", "--to", str(tmp_path / "out"))

    assert (refused.exit_code, function.asked) == (1, [])


@pytest.mark.parametrize(
    ("record", "says"),
    [({"status": "OFFBOARDED"}, "no archive any more"), ({"status": "OFFBOARDED", "purged": {"a": 1}}, "was purged")],
)
def test_what_is_not_there_any_more_is_said(
    deployed: Deployed, function: Function, fluxion: Fluxion, tmp_path: Path, record: dict[str, Any], says: str
) -> None:
    deployed.record("granja", **record)

    refused = fluxion("tenants", "export", "granja", "--to", str(tmp_path / "out"))

    assert (refused.exit_code, says in refused.stderr, function.asked) == (1, True, [])
    assert fluxion("tenants", "export", "nadie").exit_code == 1


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ({"errorType": "TenantDatabaseBusy", "errorMessage": "locked"}, "TenantDatabaseBusy: locked. Look for"),
        ({"errorType": "GenerationSuperseded", "errorMessage": "another database"}, "was refused: another database."),
        ({"errorType": "KeyError", "errorMessage": "'x'"}, "failed: KeyError: 'x'. Look up"),
    ],
)
def test_what_the_function_says_is_a_sentence(
    deployed: Deployed, function: Function, fluxion: Fluxion, tmp_path: Path, error: dict[str, str], says: str
) -> None:
    deployed.record("granja", database_path="granja/18ab.duckdb")
    function.error = error

    failed = fluxion("tenants", "export", "granja", "--to", str(tmp_path / "out"))

    assert (failed.exit_code, failed.stderr.count("\n")) == (1, 1)
    assert says in failed.stderr
    assert len(function.asked) == 1


# --- purge ------------------------------------------------------------------------------------------------------------

RECEIPT = {"tenant_id": "granja", "events": 3, "remains": [{"where": "logs", "what": "ids", "until": "2027-11-24"}]}


@pytest.mark.parametrize("status", ["OFFBOARDED", "FAILED"])
def test_a_purge_is_asked_of_the_function_and_its_receipt_is_shown(
    deployed: Deployed, function: Function, fluxion: Fluxion, status: str
) -> None:
    deployed.record("granja", status=status)
    function.answer = dict(RECEIPT)

    assert fluxion.json("tenants", "purge", "granja", "--yes") == RECEIPT

    assert [(each["stage"], each["tenant_id"]) for each in function.asked] == [("PurgeDatabase", "granja")]
    shown = fluxion("tenants", "purge", "granja", "--yes").stdout
    assert "2027-11-24" in shown
    assert "logs" in shown


def test_only_what_is_gone_is_purged_and_the_next_step_is_named(
    deployed: Deployed, function: Function, fluxion: Fluxion
) -> None:
    deployed.record("granja")
    deployed.record("bodega", due_for="offboard", due_at="2026-12-01")
    deployed.record("hacienda", status="OFFBOARDED")
    deployed.put(tenant_id="granja", name="A")
    deployed.put(tenant_id="hacienda", name="H")

    said = {name: fluxion("tenants", "purge", name, "--yes") for name in ("granja", "bodega", "hacienda", "nadie")}

    assert {result.exit_code for result in said.values()} == {1}
    assert "fluxion tenants remove granja" in said["granja"].stderr
    assert "held until 2026-12-01" in said["bodega"].stderr
    assert "fluxion tenants remove hacienda" in said["hacienda"].stderr
    assert "no record" in said["nadie"].stderr
    assert function.asked == []


@pytest.mark.parametrize(("typed", "asked"), [("granjb\n", 0), ("granja\n", 1)])
def test_a_purge_asks_for_the_id(
    deployed: Deployed, function: Function, monkeypatch: pytest.MonkeyPatch, typed: str, asked: int
) -> None:
    deployed.record("granja", status="OFFBOARDED")
    function.answer = dict(RECEIPT)
    monkeypatch.setattr(confirming, "is_terminal", lambda: True)

    CliRunner().invoke(main.app, ["tenants", "purge", "granja"], input=typed)

    assert len(function.asked) == asked
    monkeypatch.setattr(confirming, "is_terminal", lambda: False)
    assert CliRunner().invoke(main.app, ["tenants", "purge", "granja", "--json"]).exit_code == 1
    assert len(function.asked) == asked


# --- who removed it ---------------------------------------------------------------------------------------------------


def test_who_removed_an_item_is_told_to_the_run_that_holds_the_tenant(
    deployed: Deployed, fluxion: Fluxion, started: list[dict[str, Any]]
) -> None:
    deployed.put(tenant_id="granja", name="A")

    told = fluxion.json("tenants", "remove", "granja", "--yes", "--no-watch")

    (call,) = started
    assert json.loads(call["input"]) == {"tenant_id": "granja", "removed_by": told["removed_by"]}
    assert call["stateMachineArn"] == "machine"


def test_a_removal_counts_also_if_nobody_can_be_told_who_it_was(deployed: Deployed, fluxion: Fluxion) -> None:
    deployed.put(tenant_id="granja", name="A")

    told = fluxion("tenants", "remove", "granja", "--yes", "--no-watch")

    assert told.exit_code == 0
    assert "will not say who removed it" in told.stderr
    assert deployed.item("granja") is None
