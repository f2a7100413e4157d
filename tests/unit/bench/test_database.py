"""What the benchmark of databases makes of its measurements, and that its audit finds what is lost or mixed up."""

import shutil

import pytest

from bench.database import Written, figures, percentile, table
from bench.database_audit import Audit, audit, judged
from bench.database_writer import SHARED, Writer
from bench.efs import Delays
from tenancy.database import TenantDatabases

CLEAN = Audit(lost=0, foreign=0)
ALONE = ("publish", "ddl_in_place", "ddl_bare")
TRIPS = {"read_trips": 2, "write_trips": 20}


def written(design, seconds, began=0.0):
    return Written(design, "granja", began, began + seconds, seconds / 2, TRIPS)


def measured(publish_ms, own=0.2):
    took = {"publish": publish_ms / 1000, "ddl_in_place": 0.2, "ddl_bare": 0.15, "own_file": own, "shared_file": 0.4}
    return {design: [written(design, seconds)] for design, seconds in took.items()}


def verdicts(storage, delays, found, **audits):
    clean = dict.fromkeys(found, CLEAN)
    return {row["design"]: row for row in table(storage, delays, found, clean | audits)}


def test_percentiles_are_values_that_were_measured():
    values = [float(value) for value in range(1, 101)]
    assert [percentile(values, share) for share in (50, 95, 99)] == [50, 95, 99]
    assert percentile([7.0], 99) == 7
    assert percentile([1.0, 2.0, 3.0], 50) == 2


def test_one_process_that_alternates_is_charged_its_own_time_and_several_at_once_the_whole():
    alternating = [written("publish", 0.1, began) for began in (0.0, 0.5, 1.0, 1.5)]
    assert figures(alternating)["tenants_per_s"] == 10
    at_once = [written("own_file", 0.4, began) for began in (0.0, 0.0, 0.0, 0.1)]
    assert figures(at_once)["tenants_per_s"] == 8


@pytest.mark.parametrize(("publish_ms", "met"), [(100, True), (104, False)])
def test_publishing_has_to_take_half_of_ddl_in_place_at_most(publish_ms, met):
    row = verdicts("efs_model", Delays(), measured(publish_ms))["publish"]
    assert row["ratio"] == publish_ms / 200
    assert row["met"] is met
    assert (row["reads"], row["read_ms"], row["writes"], row["write_ms"]) == (2, 1.0, 20, 2.7)
    assert row["cpu_ms"] == publish_ms / 2


@pytest.mark.parametrize(("own", "met"), [(0.2, True), (0.21, False)])
def test_own_files_have_to_be_twice_as_many_a_second_as_rows_in_one(own, met):
    assert verdicts("plain", None, measured(100, own))["own_file"]["met"] is met


@pytest.mark.parametrize("fault", [Audit(lost=1, foreign=0), Audit(lost=0, foreign=1)])
def test_nothing_is_met_where_a_tenant_is_lost_or_a_row_is_a_strangers(fault):
    for design in (*ALONE, "own_file", "shared_file"):
        rows = verdicts("efs_model", Delays(), measured(50), **{design: fault})
        assert [name for name, row in rows.items() if not row["met"]] == [design]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every design has written the tenants ana and leo."""
    directory, scratch = tmp_path_factory.mktemp("tenants"), tmp_path_factory.mktemp("scratch")
    writer = Writer(directory, scratch)
    writer.make_shared_file()
    for design in (*ALONE, "shared_file"):
        for tenant in ("ana", "leo"):
            getattr(writer, design)(tenant)
    return directory


@pytest.mark.parametrize("design", [*ALONE, "shared_file"])
def test_the_audit_finds_every_design_whole_and_misses_a_tenant_that_is_not_there(folder, design):
    assert audit(folder, design, ["ana", "leo"]) == CLEAN
    assert audit(folder, design, ["ana", "leo", "eva"]) == Audit(lost=1, foreign=0)


def test_the_audit_finds_another_tenants_file(folder, tmp_path):
    shutil.copytree(folder / "publish", tmp_path / "publish")
    shutil.rmtree(tmp_path / "publish" / "leo")
    shutil.copytree(tmp_path / "publish" / "ana", tmp_path / "publish" / "leo")
    found = audit(tmp_path, "publish", ["ana", "leo"])
    assert found.lost == 1
    assert found.foreign > 20


def test_the_audit_finds_rows_under_a_wrong_name_and_rows_of_nobody(folder, tmp_path):
    shutil.copytree(folder / "shared_file", tmp_path / "shared_file")
    with TenantDatabases(tmp_path / "shared_file", idle_after=0).open(SHARED, "write") as connection:
        connection.execute("UPDATE settings SET value = '\"ana\"' WHERE key = 'owner' AND tenant_id = 'leo'")
        connection.execute(
            "INSERT INTO settings (tenant_id, key, value, updated_at) VALUES ('eva', 'x', '1', TIMESTAMP '2026-01-01')"
        )
    assert audit(tmp_path, "shared_file", ["ana", "leo"]) == Audit(lost=0, foreign=2)


def test_a_missing_row_makes_a_lost_tenant():
    assert judged({("ana", "tenants"): 1}, {"ana"}, 0) == Audit(lost=1, foreign=0)
