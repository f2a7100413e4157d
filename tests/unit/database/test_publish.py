import os
import shutil
from contextlib import nullcontext

import pytest

from tenancy.database import TenantDatabases, TenantSeeder, publish
from tenancy.domain.errors import StorageFull, StorageUnavailable, TenantDatabaseMissing


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


def assert_whole(directory, result, tenant_id="granja"):
    """One database, the one that the pointer names, and nothing left over."""
    name = result.database_path.removeprefix(f"{tenant_id}/")
    assert names_in(directory / tenant_id) == sorted([name, "current", "lock", "turn"])
    assert (directory / tenant_id / "current").read_text() == f"{name}\n"
    with TenantDatabases(directory, idle_after=0).open(tenant_id, "read") as connection:
        assert connection.execute("SELECT tenant_id FROM tenants").fetchall() == [(tenant_id,)]
        assert connection.execute("SELECT count(*) FROM products").fetchone()[0] > 10


def test_a_new_database_is_small_whole_and_leaves_nothing_over(directory, scratch, seeder, spec):
    result = seeder.seed(spec(), 1)

    assert_whole(directory, result)
    assert (directory / result.database_path).stat().st_size < 600_000
    assert list(scratch.iterdir()) == []
    with TenantDatabases(directory, idle_after=0).open("granja", "read") as connection:
        assert connection.execute("SELECT block_size FROM pragma_database_size()").fetchone() == (16_384,)


def test_a_crash_at_any_step_leaves_all_or_nothing_and_the_next_run_cleans_up(
    directory, scratch, child, seeded, spec, monkeypatch
):
    ready = directory / seeded.database_path
    monkeypatch.setattr(publish, "built", lambda *arguments: nullcontext(ready))
    crashing = child("crash_at_each_step", directory, "granja", ready)
    operations = []
    while (report := crashing.says_json())[1] is not None:
        number, operation = report
        operations.append(operation)
        tenants = directory / str(number)
        pointer = tenants / "granja" / "current"
        published = pointer.exists()
        if published:
            assert (tenants / "granja" / pointer.read_text().strip()).is_file()

        result = TenantSeeder(tenants, scratch).seed(spec(), 1)

        assert result.created is not published
        assert_whole(tenants, result)
    assert operations[:2] == ["open", "mkdir"], "the first look, and the folder"
    assert operations[-3:] == ["open", "fsync", "unlink"], "the folder after the pointer has moved, and the rest"
    assert {"link", "replace", "write"} <= set(operations)


def test_what_a_crash_left_after_the_pointer_moved_goes_with_the_next_clean_up(databases, directory, seeded):
    result = seeded
    database = directory / result.database_path
    publish.partial(database).hardlink_to(database)
    publish.partial(directory / "granja" / "current").write_text("half a na")

    with databases.hold("granja") as folder:
        publish.clean(folder)

    assert_whole(directory, result)


def test_a_lost_reply_to_the_link_is_no_conflict(directory, seeder, spec, monkeypatch):
    link = os.link

    def link_and_lose_the_reply(*arguments, **options):
        link(*arguments, **options)
        raise FileExistsError

    monkeypatch.setattr(os, "link", link_and_lose_the_reply)
    assert_whole(directory, seeder.seed(spec(), 1))


def test_somebody_elses_file_under_the_name_is_never_published(directory, seeder, spec, monkeypatch):
    name = f"{'0' * 31}1.duckdb"
    monkeypatch.setattr(publish, "never_used_name", lambda: name)

    def lose_the_race(source, target, **options):
        (directory / "granja" / name).write_bytes(b"somebody else's")
        raise FileExistsError(17, "File exists")

    monkeypatch.setattr(os, "link", lose_the_race)
    with pytest.raises(StorageUnavailable):
        seeder.seed(spec(), 1)
    assert not (directory / "granja" / "current").exists()
    assert (directory / "granja" / name).read_bytes() == b"somebody else's"


@pytest.mark.parametrize("lost", ["pointer", "database"])
def test_a_tenant_that_lost_a_part_is_not_given_an_empty_database(directory, seeder, spec, lost, seeded):
    gone = directory / ("granja/current" if lost == "pointer" else seeded.database_path)
    gone.rename(directory.parent / "gone")
    before = names_in(directory / "granja")

    with pytest.raises(TenantDatabaseMissing):
        seeder.seed(spec(), 2)

    assert names_in(directory / "granja") == before
    (directory.parent / "gone").rename(gone)
    assert not seeder.seed(spec(), 3).changed


def test_a_new_database_leaves_the_old_one_to_those_who_replace_it(databases, directory, scratch, seeder, spec):
    old = seeder.seed(spec(), 1)
    with (
        publish.built(scratch, lambda connection: connection.execute("CREATE TABLE t (x INT)")) as database,
        databases.hold("granja") as folder,
    ):
        new = publish.publish(folder, database)
    assert (directory / old.database_path).is_file()
    with databases.open("granja", "read") as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert new.name in (directory / "granja" / "current").read_text()


def test_two_processes_that_seed_at_once_publish_one_database(directory, scratch, child):
    children = [child("seed", directory, "granja", scratch) for _ in range(3)]
    assert sorted(one.says_json() for one in children) == [False, False, True]
    assert len(list((directory / "granja").glob("*.duckdb"))) == 1
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("largest", [10_000, 300_000])
def test_a_full_disk_publishes_nothing_and_the_next_run_does(directory, scratch, child, seeder, spec, largest):
    assert child("seed_limited", directory, "granja", scratch, largest).says() == "StorageFull"
    assert not (directory / "granja" / "current").exists()
    assert list(scratch.iterdir()) == []
    assert_whole(directory, seeder.seed(spec(), 1))


def test_a_disk_that_is_full_only_where_it_is_published_leaves_a_cleanable_rest(directory, seeder, spec, monkeypatch):
    write = os.write

    def write_half(descriptor, content):
        if len(content) > 100_000:
            return write(descriptor, content[:100_000])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", write_half)
    with pytest.raises(StorageFull, match="No space left"):
        seeder.seed(spec(), 1)
    monkeypatch.undo()
    assert not (directory / "granja" / "current").exists()
    assert_whole(directory, seeder.seed(spec(), 1))


def test_a_file_system_that_does_not_answer_is_named(directory, seeder, spec, monkeypatch):
    def fail(*arguments, **options):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(StorageUnavailable, match="Input/output error"):
        seeder.seed(spec(), 1)


def test_a_missing_mount_is_not_replaced_by_a_local_folder(directory, seeder, spec):
    shutil.rmtree(directory)
    with pytest.raises(StorageUnavailable, match="not there"):
        seeder.seed(spec(), 1)
    assert not directory.exists()


def test_scratch_space_of_a_dead_process_is_freed_and_that_of_a_living_one_is_not(scratch, seeder, spec):
    (scratch / "tenant-database-dead").mkdir(parents=True)
    (scratch / "tenant-database-dead" / "new.duckdb").write_bytes(b"half")
    (scratch / "not-ours").mkdir()
    with publish.built(scratch, lambda connection: None) as living:
        seeder.seed(spec(), 1)
        assert living.is_file()
    assert names_in(scratch) == ["not-ours"]
