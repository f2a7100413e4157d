"""Two ways in which DuckDB loses or leaks rows without a word, reproduced, and shown to be shut."""

import io
import os
import shutil
import signal
import subprocess
import sys
from datetime import datetime

import duckdb
import pytest

from tenancy.database import TenantDatabases, publish, schema_versions
from tenancy.domain.errors import StaleWriteAheadLog

NOW = datetime(2026, 1, 1)  # noqa: DTZ001
OPEN_TO_WRITE = "import duckdb, sys; duckdb.connect(sys.argv[1]).close()"
INSERT = (
    "INSERT INTO audit_log (tenant_id, entry_id, occurred_at, actor, action)"
    " VALUES (?, ?, TIMESTAMP '2026-01-01', 'test', 'test')"
)


def may_open_to_write(database):
    return not subprocess.run(
        [sys.executable, "-c", OPEN_TO_WRITE, database], capture_output=True, check=False
    ).returncode


def open_and_close(database):
    """What a backup, a hash or an upload does."""
    with database.open("rb") as file:
        file.read(1)


def test_trap_a_is_real_closing_any_descriptor_of_the_file_drops_the_engines_lock(tmp_path):
    database = tmp_path / "granja.duckdb"
    connection = duckdb.connect(database)
    assert not may_open_to_write(database)

    open_and_close(database)

    assert may_open_to_write(database)
    connection.close()


def test_trap_a_is_real_a_committed_row_is_lost_without_a_word(tmp_path):
    database = tmp_path / "granja.duckdb"
    first = duckdb.connect(database)
    first.execute("CREATE TABLE t (who VARCHAR)")
    first.execute("CHECKPOINT")
    open_and_close(database)
    commit_row = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); c.execute(\"INSERT INTO t VALUES ('second')\")"
    subprocess.run([sys.executable, "-c", commit_row, database], check=True)

    first.execute("INSERT INTO t VALUES ('first')")
    first.close()

    connection = duckdb.connect(database)
    assert connection.execute("SELECT who FROM t").fetchall() == [("first",)], "the second writer was told: committed"
    connection.close()


def test_trap_a_the_door_keeps_others_out_all_the_same(directory, seeded, child):
    database = directory / seeded.database_path
    with TenantDatabases(directory).open("granja", "write") as connection:
        connection.execute(INSERT, ["granja", "before"])
        for file in database.parent.iterdir():  # a backup takes the whole folder, with the door's own lock
            open_and_close(file)
        assert may_open_to_write(database), "the trap no longer works: the test proves nothing"

        assert child("look", directory, "granja", "write", 0.2).says_json()[0] == "TenantDatabaseBusy"
        connection.execute(INSERT, ["granja", "after"])
    with TenantDatabases(directory, idle_after=0).open("granja", "read") as connection:
        rows = connection.execute("SELECT entry_id FROM audit_log WHERE actor = 'test' ORDER BY entry_id").fetchall()
    assert rows == [("after",), ("before",)]


def test_trap_a_this_package_never_opens_a_tenants_database_past_the_engine(directory, seeder, spec, monkeypatch):
    opened = []

    def recorded(open_it):
        def call(path, *arguments, **options):
            opened.append(str(path))
            return open_it(path, *arguments, **options)

        return call

    monkeypatch.setattr(os, "open", recorded(os.open))
    monkeypatch.setattr(io, "open", recorded(io.open))

    seeder.seed(spec(), 1)
    seeder.seed(spec(), 1)
    seeder.seed(spec(name="Otro nombre"), 2)

    below = [path for path in opened if path.startswith(str(directory))]
    assert below
    assert [path for path in below if path.endswith((".duckdb", ".wal"))] == []


def test_trap_b_is_real_a_stale_log_is_replayed_into_a_file_renamed_over_its_path(tmp_path):
    old, new = tmp_path / "tenant.duckdb", tmp_path / "new.duckdb"
    die_after_commit = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('CREATE TABLE t (x INT)'); "
        "c.execute('CHECKPOINT'); c.execute('INSERT INTO t VALUES (13)'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", die_after_commit, old], check=True)
    assert publish.write_ahead_log(old).exists()
    connection = duckdb.connect(new)
    connection.execute("CREATE TABLE t (x INT)")
    connection.close()

    shutil.move(new, old)

    connection = duckdb.connect(old)
    assert connection.execute("SELECT x FROM t").fetchall() == [(13,)], (
        "the old tenant's row, in the new one's database"
    )
    connection.close()


def test_trap_b_a_new_database_does_not_meet_the_log_of_a_writer_that_died(directory, scratch, seeded, child):
    dying = child("die_writing", directory, "granja")
    assert dying.ends() == -signal.SIGKILL
    log = publish.write_ahead_log(directory / seeded.database_path)
    assert log.exists(), "there is nothing to be replayed: the test proves nothing"
    databases = TenantDatabases(directory, idle_after=0)

    with (
        publish.built(scratch, lambda connection: schema_versions.apply(connection, "granja", NOW)) as new,
        databases.hold("granja") as folder,
    ):
        publish.publish(folder, new)

    with databases.open("granja", "read") as connection:
        assert connection.execute("SELECT count(*) FROM audit_log").fetchone() == (0,)
    assert log.exists()


@pytest.mark.parametrize("when", ["before", "between link and pointer"])
def test_trap_b_nothing_is_published_beside_a_stale_log(directory, seeder, spec, monkeypatch, when):
    name = f"{'0' * 31}1.duckdb"
    monkeypatch.setattr(publish, "never_used_name", lambda: name)
    log = directory / "granja" / f"{name}.wal"
    if when == "before":
        log.parent.mkdir()
        log.write_bytes(b"rows of somebody else")
    else:
        link = publish._link
        monkeypatch.setattr(publish, "_link", lambda *paths: (link(*paths), log.write_bytes(b"rows of somebody else")))

    with pytest.raises(StaleWriteAheadLog, match=log.name):
        seeder.seed(spec(), 1)
    assert not (directory / "granja" / "current").exists()
    assert log.read_bytes() == b"rows of somebody else"

    monkeypatch.undo()
    log.unlink()
    assert seeder.seed(spec(), 1).created
    assert len(list((directory / "granja").glob("*.duckdb"))) == 1


def test_trap_b_names_are_never_used_twice():
    names = {publish.never_used_name() for _ in range(10_000)}
    assert len(names) == 10_000
