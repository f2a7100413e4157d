"""A tenant in service reaches a later schema: whole or not at all, without a lost row, whatever happens on the way."""

import json
import os
import shutil
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from tenancy.database import NotRecorded, TenantDatabases, TenantMigrator, TenantSeeder, publish, schema_versions
from tenancy.database.configuration import Configuration
from tenancy.database.failures import without_values
from tenancy.domain.errors import SchemaMigrationFailed, StorageFull, TenantDatabaseBusy, TenantDatabaseMissing

from .child import INSERT, spec_of

pytestmark = pytest.mark.slow

NOW = datetime(2026, 1, 1)  # noqa: DTZ001
LATEST = schema_versions.latest_version()


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


def served(directory):
    """(version, rows of the audit log) as the backend would get them."""
    with TenantDatabases(directory, idle_after=0).open("granja", "read") as connection:
        rows = connection.execute("SELECT entry_id FROM audit_log WHERE actor = 'child' ORDER BY ALL").fetchall()
        return schema_versions.version_of(connection, "granja"), [row for (row,) in rows]


def assert_nothing_left_over(directory, database_path):
    name = database_path.removeprefix("granja/")
    assert names_in(directory / "granja") == sorted([name, "current", "lock", "turn"])
    assert (directory / "granja" / "current").read_text() == f"{name}\n"


@pytest.fixture(scope="session")
def built_at_first_version(tmp_path_factory):
    """The folder of a tenant that was seeded by the first release, and the path of its database."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as release:
        first = schema_versions.shipped()[:1]
        release.setattr(schema_versions, "shipped", lambda: first)
        seeded = TenantSeeder(folder, folder / "scratch").seed(spec_of("granja"), 1)
    assert seeded.schema_version == 1
    return folder / "granja", seeded.database_path


@pytest.fixture
def old(built_at_first_version, directory):
    folder, path = built_at_first_version
    shutil.copytree(folder, directory / "granja")
    return path


@pytest.fixture
def migrator(directory, scratch):
    return TenantMigrator(directory, scratch)


def test_a_tenant_gets_what_it_lacks_and_keeps_its_rows(directory, scratch, old, migrator):
    with TenantDatabases(directory, idle_after=0).open("granja", "write") as connection:
        connection.execute(INSERT, ["granja", "one", "child"])
    results = []

    migrator.migrate("granja", LATEST, old, results.append)

    (result,) = results
    assert (result.from_version, result.to_version) == (1, LATEST)
    assert result.database_path != old
    assert served(directory) == (LATEST, ["one"])
    assert_nothing_left_over(directory, result.database_path)
    assert list(scratch.iterdir()) == []
    with TenantDatabases(directory, idle_after=0).open("granja", "read") as connection:
        assert connection.execute("SELECT block_size FROM pragma_database_size()").fetchone() == (16_384,)


def test_rows_that_a_killed_writer_had_committed_are_kept(directory, child, old, migrator):
    assert child("die_writing", directory, "granja").ends() < 0
    assert (directory / f"{old}.wal").exists(), "the row is in the log alone"
    results = []

    migrator.migrate("granja", LATEST, old, results.append)

    assert served(directory) == (LATEST, ["committed"])
    assert_nothing_left_over(directory, results[0].database_path)


def test_a_database_that_is_at_the_version_is_not_touched(directory, old, migrator):
    results = []
    migrator.migrate("granja", LATEST, old, results.append)
    before = (directory / "granja" / "current").stat().st_mtime_ns

    migrator.migrate("granja", LATEST, results[0].database_path, results.append)

    assert (results[1].from_version, results[1].to_version) == (LATEST, LATEST)
    assert results[1].database_path == results[0].database_path
    assert (directory / "granja" / "current").stat().st_mtime_ns == before


def test_rows_that_do_not_fit_leave_the_tenant_as_it_was_and_are_not_told(directory, scratch, old, migrator):
    with TenantDatabases(directory, idle_after=0).open("granja", "write") as connection:
        connection.execute("INSERT INTO settings VALUES ('granja', 'motto', 'only for my eyes', ?)", [NOW])
    before = names_in(directory / "granja")
    results = []

    with pytest.raises(SchemaMigrationFailed) as refused:
        migrator.migrate("granja", LATEST, old, results.append)

    assert str(refused.value).startswith("0002_json_columns.sql: Constraint Error: CHECK constraint failed on table")
    assert "eyes" not in f"{refused.value}{refused.value.__cause__}"
    assert results == []
    assert names_in(directory / "granja") == before
    assert served(directory)[0] == 1
    assert list(scratch.iterdir()) == []


def test_if_the_record_changed_meanwhile_everything_is_as_it_was(directory, old, migrator):
    def changed(_):
        assert (directory / "granja" / "current").read_text() != f"{Path(old).name}\n"
        raise NotRecorded

    with pytest.raises(NotRecorded):
        migrator.migrate("granja", LATEST, old, changed)

    assert served(directory)[0] == 1
    assert_nothing_left_over(directory, old)


def test_nobody_gets_in_from_the_first_look_to_the_last_step(directory, old, migrator):
    others = TenantDatabases(directory, busy_after=0.05)

    def look(_):
        for mode in ("read", "write"):
            with pytest.raises(TenantDatabaseBusy), others.open("granja", mode):
                pass

    migrator.migrate("granja", LATEST, old, look)


def test_a_tenant_that_is_in_use_comes_again(directory, scratch, child, old):
    writer = child("hold", directory, "granja", "write")
    assert writer.says() == "open"
    migrator = TenantMigrator(directory, scratch)
    migrator._databases = TenantDatabases(directory, idle_after=0, busy_after=0.1)

    with pytest.raises(TenantDatabaseBusy):
        migrator.migrate("granja", LATEST, old, pytest.fail)

    writer.go_on()


def test_a_reader_whose_handle_is_idle_lets_go(directory, old, child, migrator):
    with TenantDatabases(directory, idle_after=30).open("granja", "read") as connection:
        connection.execute("SELECT 1").fetchall()
    reader = child("read_without_pause", directory, "granja")
    assert reader.says() == "reading"

    migrator.migrate("granja", LATEST, old, lambda result: None)

    assert served(directory)[0] == LATEST
    reader.go_on()
    assert reader.ends() == 0


def test_a_full_disk_leaves_the_old_database_and_the_next_try_cleans_up(directory, old, migrator, monkeypatch):
    write = os.write

    def write_half(descriptor, content):
        if len(content) > 100_000:
            return write(descriptor, content[:100_000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", write_half)
    with pytest.raises(StorageFull):
        migrator.migrate("granja", LATEST, old, pytest.fail)
    monkeypatch.undo()
    assert served(directory)[0] == 1
    results = []

    migrator.migrate("granja", LATEST, old, results.append)

    assert_nothing_left_over(directory, results[0].database_path)


def test_a_tenant_without_a_database_has_nothing_to_migrate(directory, migrator, old):
    shutil.rmtree(directory / "granja")
    with pytest.raises(TenantDatabaseMissing):
        migrator.migrate("granja", LATEST, old, pytest.fail)
    migrator.tidy("granja")


@pytest.mark.parametrize("next_comes", ["another try", "a change of the item"])
def test_a_crash_at_any_step_loses_nothing_and_the_next_try_ends_it(
    directory, scratch, child, built_at_first_version, next_comes
):
    first, old = built_at_first_version
    crashing = child("crash_migrating_at_each_step", directory, "granja", first, scratch, LATEST)
    operations = []
    while (report := crashing.says_json())[1] is not None:
        number, operation = report
        operations.append(operation)
        tenants = directory / str(number)
        record = tenants / "record.json"
        recorded = json.loads(record.read_text())["database_path"] if record.exists() else old
        assert served(tenants)[0] in (1, LATEST), "whole, and in service"
        assert served(tenants)[1] == ["acknowledged"]
        if next_comes == "a change of the item":
            recorded = TenantSeeder(tenants, scratch).seed(spec_of("granja", name="Otro"), 2).database_path
        results = []

        migrator = TenantMigrator(tenants, scratch)
        migrator.migrate("granja", LATEST, recorded, results.append)

        assert results[0].to_version == LATEST
        assert served(tenants) == (LATEST, ["acknowledged"])
        assert_nothing_left_over(tenants, results[0].database_path)
    assert report == [len(operations), None]
    assert operations == CHANGES_WITHOUT_A_FAULT


# What docs/migrations.md counts: a migration's changes of names and files where the tenant's files are, in order.
CHANGES_WITHOUT_A_FAULT = [
    *("open", "open"),  # turn and lock
    *("link", "open", "fsync"),  # the old file is known as a left-over, from when the pointer leaves it
    *("open", "write", "fsync", "link", "open", "fsync"),  # the new file, under its temporary name and its own
    *("open", "write", "fsync", "replace", "open", "fsync"),  # the pointer
    "unlink",  # the temporary name
    "replace",  # the record, here a file
    *("unlink", "unlink", "unlink"),  # the log of the killed writer, and the old file, under both names
]


# --- a release and the version before its own -------------------------------------------------------------------------


def test_a_change_of_a_tenant_that_waits_for_its_migration_is_written_and_does_not_migrate(directory, scratch, old):
    seeder = TenantSeeder(directory, scratch)

    changed = seeder.seed(spec_of("granja", name="Otro nombre", settings={"colour": "#fff"}), 2)

    assert (changed.changed, changed.created, changed.schema_version, changed.database_path) == (True, False, 1, old)
    assert not seeder.seed(spec_of("granja", name="Otro nombre", settings={"colour": "#fff"}), 3).changed


def test_what_a_site_shows_is_the_same_before_and_after(directory, scratch, old, migrator):
    spec = spec_of("granja", settings={"colour": "#fff"})
    TenantSeeder(directory, scratch).seed(spec, 2)

    def shown():
        with TenantDatabases(directory, idle_after=0).open("granja", "read") as connection:
            return Configuration.stored(connection, "granja")

    before = shown()
    migrator.migrate("granja", LATEST, old, lambda result: None)

    assert shown() == before == Configuration.of(spec)


# --- what is told of an error -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES ('Xsecret', 1)",
        "INSERT INTO t VALUES ('Xother', NULL)",
        "INSERT INTO t VALUES ('Xother', 777777)",
        "SELECT CAST(name AS INTEGER) FROM t",
        "SELECT CAST(name AS TIMESTAMP) FROM t",
        "SELECT CAST(name AS DECIMAL(3, 1)) FROM t",
        "SELECT CAST(name AS JSON) FROM t",
        "SELECT strptime(name, '%Y') FROM t",
        "SELECT error(name) FROM t",
        "SELECT CAST(number + 777776 AS TINYINT) FROM t",
        "SELECT CAST(number + 777776 AS INTEGER) * 777777 * 777777 FROM t",
        "CREATE UNIQUE INDEX i ON t (number)",
        "INSERT INTO u VALUES ('Xelsewhere')",
    ],
)
def test_what_is_told_of_an_error_holds_no_value_of_a_row(sql):
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (name VARCHAR PRIMARY KEY, number BIGINT NOT NULL CHECK (number < 777777))")
        connection.execute("INSERT INTO t VALUES ('Xsecret', 1), ('Xsecond', 1)")
        connection.execute("CREATE TABLE u (name VARCHAR REFERENCES t (name))")
        with pytest.raises(duckdb.Error) as refused:
            connection.execute(sql).fetchall()

    told = without_values(refused.value)

    assert "X" not in told
    assert "7" not in told
    assert told.startswith(
        ("Constraint Error: ", "Conversion Error: ", "Out of Range Error: ", "InvalidInputException")
    )


def test_names_of_tables_and_columns_are_told():
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE settings (value VARCHAR NOT NULL)")
        with pytest.raises(duckdb.ConstraintException) as refused:
            connection.execute("INSERT INTO settings VALUES (NULL)")
    assert without_values(refused.value) == "Constraint Error: NOT NULL constraint failed: settings.value"


def test_putting_back_leaves_the_old_file_current(databases, directory, old, scratch):
    with (
        publish.built(scratch, lambda connection: connection.execute("CREATE TABLE t (x INT)")) as database,
        databases.hold("granja") as folder,
    ):
        before = folder.current()
        publish.put_back(folder, before, publish.replace(folder, before, database))
    assert_nothing_left_over(directory, old)
