"""What is kept of a database: all committed rows, proven by counts and hashes, and nothing of anybody else."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tenancy.database import TenantDatabases, TenantSeeder, parquet

AT = "2026-11-24T12:00:00.000Z"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "tenants").mkdir()
    return tmp_path / "tenants"


@pytest.fixture
def database(directory: Path, tmp_path: Path) -> Path:
    seeder = TenantSeeder(directory, tmp_path / "scratch")
    seeder.seed({"tenant_id": "vecina", "name": "La Vecina"}, 1)
    return directory / seeder.seed({"tenant_id": "granja", "name": "La Granja Mercado"}, 1).database_path


def rows(file: Path, table: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(file), read_only=True) as connection:
        return sorted(connection.sql(f"FROM {table}").fetchall())


def test_every_row_of_every_table_is_in_the_archive(database: Path, tmp_path: Path) -> None:
    with parquet.exported(database, "granja", tmp_path / "scratch", AT) as kept:
        with duckdb.connect() as reader:
            found = {
                name: sorted(reader.read_parquet(str(kept.directory / table.file)).fetchall())
                for name, table in kept.manifest.tables.items()
            }
        manifest = json.loads((kept.directory / parquet.MANIFEST).read_text())

    assert {name: len(table) for name, table in found.items()} == {
        name: table["rows"] for name, table in manifest["tables"].items()
    }
    assert found == {name: rows(database, name) for name in found}
    assert found["tenants"][0][0] == "granja"
    assert len(found["products"]) > 0
    assert not any("vecina" in str(table) for table in found.values())


def test_an_archive_is_loaded_by_the_engine_itself_with_the_same_hashes(database: Path, tmp_path: Path) -> None:
    with parquet.exported(database, "granja", tmp_path / "scratch", AT) as kept, duckdb.connect() as other:
        other.execute((kept.directory / "schema.sql").read_text())
        for name, table in kept.manifest.tables.items():
            other.read_parquet(str(kept.directory / table.file)).insert_into(name)
            assert parquet.rows_of(other.sql(f"FROM {name}")) == (table.rows, table.rows_sha256)


def test_the_hash_of_rows_depends_on_them_and_not_on_their_order() -> None:
    with duckdb.connect() as connection:
        one = parquet.rows_of(connection.sql("SELECT * FROM (VALUES (1, 'a'), (2, NULL)) AS t(number, name)"))
        two = parquet.rows_of(connection.sql("SELECT * FROM (VALUES (2, NULL), (1, 'a')) AS t(number, name)"))
        other = parquet.rows_of(connection.sql("SELECT * FROM (VALUES (2, ''), (1, 'a')) AS t(number, name)"))

    assert one == two
    assert one[0] == other[0] == 2
    assert one != other


def test_rows_that_a_killed_writer_had_committed_are_in_the_archive(database: Path, tmp_path: Path) -> None:
    script = (
        "import duckdb, os, signal, sys\n"
        "c = duckdb.connect(sys.argv[1])\n"
        "c.execute(\"INSERT INTO settings VALUES ('granja', 'colour', '\\\"green\\\"', now()::TIMESTAMP)\")\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    died = subprocess.run([sys.executable, "-c", script, str(database)], check=False, env={**os.environ})
    assert died.returncode == -signal.SIGKILL
    assert database.with_name(f"{database.name}.wal").exists(), "the row is in the log alone"

    with parquet.exported(database, "granja", tmp_path / "scratch", AT) as kept:
        assert kept.manifest.tables["settings"].rows == 1


def test_nothing_of_an_export_stays_in_scratch_space(database: Path, tmp_path: Path) -> None:
    with parquet.exported(database, "granja", tmp_path / "scratch", AT) as kept:
        assert kept.size > 0

    assert list((tmp_path / "scratch").iterdir()) == []


def test_what_could_not_be_read_back_is_no_archive(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = iter(range(100))
    monkeypatch.setattr(parquet, "rows_of", lambda _: (next(counted), ""))

    with (
        pytest.raises(Exception, match="in the archive"),
        parquet.exported(database, "granja", tmp_path / "scratch", AT),
    ):
        pytest.fail("it is to be refused")


def test_the_export_reaches_no_file_but_its_own(database: Path, directory: Path, tmp_path: Path) -> None:
    from tenancy.database import engine

    connection = engine.connect_to_export(database, tmp_path / "scratch")
    try:
        with pytest.raises(duckdb.PermissionException):
            connection.execute(f"COPY tenants TO '{directory}/vecina/stolen.parquet' (FORMAT parquet)")
        with pytest.raises(duckdb.Error):
            connection.execute("SET enable_external_access = true")
    finally:
        connection.close()


def test_a_tenant_s_door_still_opens_after_an_export(database: Path, directory: Path, tmp_path: Path) -> None:
    databases = TenantDatabases(directory, idle_after=0)
    with databases.hold("granja"), parquet.exported(database, "granja", tmp_path / "scratch", AT):
        pass

    with databases.open("granja", "read") as connection:
        assert connection.execute("SELECT count(*) FROM tenants").fetchone() == (1,)
