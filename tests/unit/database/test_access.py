import threading
import time

import pytest

from tenancy import database
from tenancy.database import TenantDatabases, handles, transaction
from tenancy.database.paths import TenantFolder
from tenancy.domain.errors import InvalidTenantItem, StorageUnavailable, TenantDatabaseBusy, TenantDatabaseMissing

COUNT = "SELECT count(*) FROM products"
INSERT = (
    "INSERT INTO audit_log (tenant_id, entry_id, occurred_at, actor, action)"
    " VALUES (?, ?, TIMESTAMP '2026-01-01', 'test', 'test')"
)


@pytest.fixture(autouse=True)
def granja(seeded):
    return seeded


def test_the_short_form_opens_the_same_door(directory):
    with database.open(directory, "granja", "read") as connection:
        assert connection.execute(COUNT).fetchone()[0] > 10
    TenantDatabases(directory).close()


def test_readers_in_one_process_share_one_handle(databases, monkeypatch):
    opened = []
    connect = handles.engine.connect
    monkeypatch.setattr(handles.engine, "connect", lambda *a, **k: opened.append(a) or connect(*a, **k))
    barrier = threading.Barrier(8)
    failures = []

    def read():
        try:
            with TenantDatabases(databases.directory).open("granja", "read") as connection:
                barrier.wait(5)
                connection.execute(COUNT).fetchall()
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(opened) == 1


def test_a_reader_cannot_write(databases):
    with databases.open("granja", "read") as connection, pytest.raises(Exception, match="read-only"):
        connection.execute(INSERT, ["granja", "x"])


def test_only_read_and_write_are_modes(databases):
    with pytest.raises(ValueError, match="mode"), databases.open("granja", "rw"):
        pass


def test_a_write_is_seen_by_the_next_reader_although_a_read_handle_was_open(databases):
    with databases.open("granja", "read") as connection:
        before = connection.execute("SELECT count(*) FROM audit_log").fetchone()[0]
    with databases.open("granja", "write") as connection:
        connection.execute(INSERT, ["granja", "x"])
    with databases.open("granja", "read") as connection:
        assert connection.execute("SELECT count(*) FROM audit_log").fetchone()[0] == before + 1


def test_a_transaction_that_raises_leaves_no_row(databases):
    def fail():
        with databases.open("granja", "write") as connection, transaction(connection):
            connection.execute(INSERT, ["granja", "x"])
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with databases.open("granja", "read") as connection:
        assert connection.execute("SELECT count(*) FROM audit_log WHERE entry_id = 'x'").fetchone() == (0,)


def test_an_abandoned_transaction_is_rolled_back(databases):
    with databases.open("granja", "write") as connection:
        connection.begin()
        connection.execute(INSERT, ["granja", "x"])
    with databases.open("granja", "read") as connection:
        assert connection.execute("SELECT count(*) FROM audit_log WHERE entry_id = 'x'").fetchone() == (0,)


def test_an_idle_handle_is_closed_and_forgotten(databases, directory, soon):
    with databases.open("granja", "read"):
        pass
    gate = directory.resolve() / "granja"
    assert gate in handles._gates
    assert soon(lambda: gate not in handles._gates)


def test_nothing_lingers_where_idling_is_not_wanted(directory, child):
    # The environment of a function may be frozen as soon as it has answered.
    with TenantDatabases(directory, idle_after=0).open("granja", "read"):
        pass
    assert directory.resolve() / "granja" not in handles._gates


def test_a_writer_in_another_process_need_not_wait_until_a_reader_has_idled(directory, child):
    patient = TenantDatabases(directory, idle_after=60)
    with patient.open("granja", "read"):
        pass
    outcome, seconds = child("look", directory, "granja", "write", 5).says_json()
    assert outcome == "open"
    assert seconds < 3
    patient.close()


def test_a_writer_gets_in_although_another_process_reads_all_the_time(directory, child):
    reader = child("read_without_pause", directory, "granja")
    assert reader.says() == "reading"
    started = time.monotonic()
    with TenantDatabases(directory).open("granja", "write") as connection:
        connection.execute(INSERT, ["granja", "x"])
    assert time.monotonic() - started < 4
    reader.go_on()
    assert reader.ends() == 0


def test_a_waiter_gives_up_in_time_and_says_that_the_database_is_busy(directory, child):
    other = child("hold", directory, "granja", "write")
    assert other.says() == "open"
    for mode in ("read", "write"):
        started = time.monotonic()
        with pytest.raises(TenantDatabaseBusy), TenantDatabases(directory, busy_after=0.3).open("granja", mode):
            pass
        assert 0.3 <= time.monotonic() - started < 1
    other.go_on()
    assert other.says() == "closed"
    with TenantDatabases(directory, idle_after=0).open("granja", "read"):
        pass


def test_a_waiter_gives_up_after_ten_seconds_unless_told_otherwise(directory):
    assert TenantDatabases(directory)._busy_after == 10
    assert TenantDatabases(directory)._idle_after == 2


def test_a_thread_that_waits_for_its_own_process_gives_up_too(databases, directory):
    impatient = TenantDatabases(directory, busy_after=0.2)
    with databases.open("granja", "write"):
        for mode in ("read", "write"):
            with pytest.raises(TenantDatabaseBusy), impatient.open("granja", mode):
                pass
    with impatient.open("granja", "read"):
        pass


def test_one_that_gave_up_does_not_block_those_behind_it(databases, directory):
    order = []

    def come(name, mode, busy_after):
        try:
            with TenantDatabases(directory, busy_after=busy_after).open("granja", mode):
                order.append(name)
        except TenantDatabaseBusy:
            order.append(f"{name} gave up")

    with databases.open("granja", "read"):
        writer = threading.Thread(target=come, args=("writer", "write", 0.2))
        writer.start()
        time.sleep(0.05)
        reader = threading.Thread(target=come, args=("reader", "read", 3))
        reader.start()
        writer.join()
        reader.join()
    assert order == ["writer gave up", "reader"]


def test_processes_and_threads_lose_no_write(directory, child):
    children = [child("write", directory, "granja", f"child{number}", 6) for number in range(2)]
    databases = TenantDatabases(directory, busy_after=20)
    failures = []

    def write(who):
        try:
            for number in range(3):
                with databases.open("granja", "write") as connection:
                    connection.execute(INSERT, ["granja", f"{who}-{number}"])
                with databases.open("granja", "read") as connection:
                    connection.execute(COUNT).fetchall()
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=write, args=(f"thread{number}",)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [one.says() for one in children] == ["done", "done"]
    with databases.open("granja", "read") as connection:
        written = connection.execute("SELECT count(*) FROM audit_log WHERE action = 'test'").fetchone()[0]
    assert written == 2 * 6 + 3 * 3
    databases.close()


def test_a_process_killed_while_writing_loses_only_what_it_had_not_committed(directory, child):
    assert child("die_writing", directory, "granja").ends() == -9
    for mode in ("read", "write", "read"):
        with TenantDatabases(directory, idle_after=0).open("granja", mode) as connection:
            rows = connection.execute("SELECT entry_id FROM audit_log WHERE action = 'test'").fetchall()
        assert rows == [("committed",)]
    assert list((directory / "granja").glob("*.wal")) == []


def test_a_held_tenant_can_be_opened_by_nobody(databases, directory, child):
    with databases.hold("granja") as folder:
        assert folder.current() is not None
        assert child("look", directory, "granja", "read", 0.2).says_json()[0] == "TenantDatabaseBusy"
        with pytest.raises(TenantDatabaseBusy), TenantDatabases(directory, busy_after=0.2).open("granja", "read"):
            pass


def test_whoever_waited_for_a_folder_that_was_replaced_holds_the_new_one(databases, directory, seeder, spec, child):
    # Offboarding removes the folder, a tenant that returns makes it anew, and somebody has waited all the time.
    with databases.hold("granja"):
        waiter = child("keep_out", directory, "granja")
        assert waiter.says() == "waiting"
        time.sleep(0.2)
        (directory / "granja").rename(directory.parent / "removed")
        # Another process's view: this one's gate is shut.
        assert child("seed", directory, "granja", directory.parent / "scratch").says_json() is True
    assert waiter.says() == "held"
    assert child("look", directory, "granja", "read", 0.2).says_json()[0] == "TenantDatabaseBusy"
    waiter.go_on()
    assert waiter.ends() == 0


def test_a_tenant_without_a_database_is_missing(databases, directory):
    for mode in ("read", "write"):
        with pytest.raises(TenantDatabaseMissing), databases.open("nadie", mode):
            pass
    with pytest.raises(TenantDatabaseMissing), databases.hold("nadie"):
        pass
    assert not (directory / "nadie").exists()


@pytest.mark.parametrize(
    "content", [b"", b"../../etc/passwd", b"a/b.duckdb", b"x" * 1000, b"\xff\xfe", b"gone.duckdb\n"]
)
def test_a_pointer_that_names_no_database_is_missing_and_creates_none(databases, directory, content):
    (directory / "granja" / "current").write_bytes(content)
    before = sorted(entry.name for entry in (directory / "granja").iterdir())
    for mode in ("read", "write"):
        with pytest.raises(TenantDatabaseMissing), databases.open("granja", mode):
            pass
    assert sorted(entry.name for entry in (directory / "granja").iterdir()) == before


@pytest.mark.parametrize(
    "tenant_id",
    [
        "",
        "..",
        "../granja",
        "granja/..",
        "/etc",
        "gr",
        "a" * 33,
        "Granja",
        "granja.",
        "gr\0anja",
        "granja\n",
        "ñandú",
        "www",
        None,
        7,
    ],
)
def test_no_name_leads_out_of_the_folder(databases, directory, tenant_id):
    with pytest.raises(InvalidTenantItem), databases.open(tenant_id, "read"):
        pass
    with pytest.raises(InvalidTenantItem), databases.hold(tenant_id, create=True):
        pass
    assert [entry.name for entry in directory.iterdir()] == ["granja"]


def test_a_file_that_is_no_database_is_reported_as_storage(databases, directory, granja):
    (directory / granja.database_path).write_bytes(b"garbage" * 1000)
    with pytest.raises(StorageUnavailable), databases.open("granja", "read"):
        pass
    with databases.hold("granja"):
        pass


def test_a_full_disk_is_named_and_costs_no_committed_row(directory, child, databases):
    assert child("write_limited", directory, "granja", 30_000).says() == "StorageFull"
    with databases.open("granja", "write") as connection:
        assert connection.execute("SELECT count(*) FROM audit_log").fetchone() == (1,)
        connection.execute(INSERT, ["granja", "x"])


def test_a_program_that_does_not_use_the_door_makes_the_database_busy(directory, child, granja):
    import duckdb

    stranger = duckdb.connect(directory / granja.database_path)
    assert child("look", directory, "granja", "write", 0.2).says_json()[0] == "TenantDatabaseBusy"
    stranger.close()


def test_a_tenants_sql_reaches_no_other_file(databases, directory, seeder, spec):
    other = seeder.seed(spec("vecino"), 1)
    with databases.open("granja", "write") as connection:
        for statement in (
            f"ATTACH '{directory / other.database_path}' AS other",
            "COPY products TO '/tmp/products.csv'",
            "SELECT * FROM read_csv('/etc/passwd')",
            "SET enable_external_access = true",
        ):
            with pytest.raises(Exception, match=r"disabled|locked|Cannot"):
                connection.execute(statement)


def test_a_forked_child_keeps_no_lock_of_its_parent(directory, child):
    # In a process of its own: forking one that has threads is what the door must survive, not what a test should do.
    assert child("fork_while_reading", directory, "granja").says_json()[0] == "open"


def test_a_look_round_that_began_before_a_gate_was_forgotten_leaves_its_successor_alone(databases):
    """Or its handle would stay open for good, and nobody could write the tenant's database any more."""
    folder = TenantFolder.of(databases.directory, "granja")
    gate = handles.of(folder)
    seen = handles.below(databases.directory)
    handles.leave_alone(gate)
    with databases.open("granja", "read"):
        pass
    (successor,) = handles.below(databases.directory)
    assert successor is not gate
    handles._forget_all_unused(seen)
    assert handles.below(databases.directory) == [successor]
