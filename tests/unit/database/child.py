"""What another process does to tenants' databases, as a program: ``child.py <action> <directory> <tenant> …``."""

import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from tenancy.database import Migrated, TenantDatabases, TenantMigrator, TenantSeeder, publish
from tenancy.domain.errors import TenancyError

INSERT = (
    "INSERT INTO audit_log (tenant_id, entry_id, occurred_at, actor, action)"
    " VALUES (?, ?, TIMESTAMP '2026-01-01', ?, 'test')"
)


def say(word: object) -> None:
    print(word if isinstance(word, str) else json.dumps(word), flush=True)  # noqa: T201


def spec_of(tenant: str, **changes: object) -> dict[str, object]:
    return {"tenant_id": tenant, "name": "La Granja", "tier": "basic", "contact_email": None, "settings": {}} | changes


def hold(directory: Path, tenant: str, mode: str) -> None:
    """Has the database open until told to go on."""
    with TenantDatabases(directory).open(tenant, mode) as connection:
        connection.execute("SELECT 1").fetchall()
        say("open")
        sys.stdin.readline()
    say("closed")
    sys.stdin.readline()


def look(directory: Path, tenant: str, mode: str, busy_after: str) -> None:
    """Tries to open the database once."""
    started = time.monotonic()
    try:
        with TenantDatabases(directory, busy_after=float(busy_after)).open(tenant, mode):
            outcome = "open"
    except TenancyError as error:
        outcome = type(error).__name__
    say([outcome, time.monotonic() - started])


def keep_out(directory: Path, tenant: str) -> None:
    """Holds the tenant, when it is its turn, until told to go on."""
    say("waiting")
    with TenantDatabases(directory).hold(tenant):
        say("held")
        sys.stdin.readline()


def write(directory: Path, tenant: str, who: str, times: str) -> None:
    """Writes one row after the other, reading in between."""
    databases = TenantDatabases(directory, busy_after=20)
    for number in range(int(times)):
        with databases.open(tenant, "write") as connection:
            connection.execute(INSERT, [tenant, f"{who}-{number}", who])
        with databases.open(tenant, "read") as connection:
            connection.execute("SELECT count(*) FROM audit_log").fetchall()
    say("done")


def read_without_pause(directory: Path, tenant: str) -> None:
    """Two threads whose reads overlap, so that the handle is never idle; until told to stop."""
    import threading

    databases, stop = TenantDatabases(directory, busy_after=20), threading.Event()

    def read() -> None:
        while not stop.is_set():
            with databases.open(tenant, "read") as connection:
                connection.execute("SELECT count(*) FROM products").fetchall()
                time.sleep(0.05)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
        time.sleep(0.02)
    say("reading")
    sys.stdin.readline()
    stop.set()
    for thread in threads:
        thread.join()


def fork_while_reading(directory: Path, tenant: str) -> None:
    """Forks while a read handle is open, closes it, and writes while the forked child is still there."""
    databases = TenantDatabases(directory, idle_after=0, busy_after=2)
    with databases.open(tenant, "read"):
        pid = os.fork()
        if not pid:
            time.sleep(30)
            os._exit(0)
    try:
        look(directory, tenant, "write", "2")
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def die_writing(directory: Path, tenant: str) -> None:
    """Commits one row, begins another, and is killed."""
    with TenantDatabases(directory).open(tenant, "write") as connection:
        connection.execute(INSERT, [tenant, "committed", "child"])
        connection.begin()
        connection.execute(INSERT, [tenant, "not committed", "child"])
        os.kill(os.getpid(), signal.SIGKILL)


def seed(directory: Path, tenant: str, scratch: str) -> None:
    say(TenantSeeder(directory, Path(scratch)).seed(spec_of(tenant), 1).created)


def seed_limited(directory: Path, tenant: str, scratch: str, largest: str) -> None:
    """Seeds while no file may grow beyond a size, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(largest), int(largest)))
    try:
        TenantSeeder(directory, Path(scratch)).seed(spec_of(tenant, name="Otro nombre"), 1)
        say("seeded")
    except TenancyError as error:
        say(type(error).__name__)


def write_limited(directory: Path, tenant: str, room: str) -> None:
    """Writes more than fits."""
    database = next((directory / tenant).glob("*.duckdb"))
    largest = database.stat().st_size + int(room)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    try:
        with TenantDatabases(directory).open(tenant, "write") as connection:
            connection.execute(
                "INSERT INTO audit_log (tenant_id, entry_id, occurred_at, actor, action, detail)"
                " SELECT ?, range::VARCHAR, TIMESTAMP '2026-01-01', 'child', 'test',"
                " to_json(repeat(random()::VARCHAR, 20))"
                " FROM range(20000)",
                [tenant],
            )
        say("written")
    except TenancyError as error:
        say(type(error).__name__)


def crash_at_each_step(directory: Path, tenant: str, ready: str) -> None:
    """Seeds the tenant in one folder after the other, each in a process that is killed before its n-th change there.

    ready: the database to publish, so that it need not be built each time.
    Says [n, name of the operation] for each, and at last [n, null] for the one that came through.
    """
    warnings.simplefilter("ignore", DeprecationWarning)  # the engine's idle threads have no part in this
    publish.built = lambda *arguments: contextlib.nullcontext(Path(ready))
    number = 0
    while True:
        tenants = directory / str(number)
        tenants.mkdir()
        report, tell = os.pipe()
        pid = os.fork()
        if not pid:
            _die_before(number, tenants, tell)
            TenantSeeder(tenants, directory / "no scratch space").seed(spec_of(tenant), 1)
            os._exit(0)
        os.close(tell)
        with os.fdopen(report) as words:
            operation = words.read()
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):
            say([number, None if os.WEXITSTATUS(status) == 0 else "failed"])
            return
        say([number, operation])
        number += 1


def crash_migrating_at_each_step(directory: Path, tenant: str, ready: str, scratch: str, version: str) -> None:
    """Migrates the tenant in one folder after the other, each in a process that is killed before its n-th change there.

    ready: the tenant's folder as it is before. Each gets an acknowledged row, which lies in the log alone: its writer
    was killed. The record is a file of the folder. Says what ``crash_at_each_step`` says.
    """
    warnings.simplefilter("ignore", DeprecationWarning)  # the engine's idle threads have no part in this
    number = 0
    while True:
        tenants = directory / str(number)
        shutil.copytree(ready, tenants / tenant)
        _in_a_process(lambda: _die_after_a_row(tenants, tenant))  # noqa: B023 - called at once
        report, tell = os.pipe()
        status = _in_a_process(lambda: _migrate(number, tenants, tenant, Path(scratch), int(version), tell))  # noqa: B023
        os.close(tell)
        with os.fdopen(report) as words:
            operation = words.read()
        if os.WIFEXITED(status):
            say([number, None if os.WEXITSTATUS(status) == 0 else "failed"])
            return
        say([number, operation])
        number += 1


def _in_a_process(work: Callable[[], None]) -> int:
    pid = os.fork()
    if not pid:
        work()
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def _die_after_a_row(tenants: Path, tenant: str) -> None:
    with TenantDatabases(tenants).open(tenant, "write") as connection:
        connection.execute(INSERT, [tenant, "acknowledged", "child"])
        os.kill(os.getpid(), signal.SIGKILL)


def _migrate(number: int, tenants: Path, tenant: str, scratch: Path, version: int, tell: int) -> None:
    recorded = f"{tenant}/{(tenants / tenant / 'current').read_text().strip()}"
    draft = tenants.parent / f"draft-{number}.json"

    def record(result: Migrated) -> None:
        draft.write_text(json.dumps({"database_path": result.database_path}))
        os.replace(draft, tenants / "record.json")  # noqa: PTH105 - counted below

    _die_before(number, tenants, tell, also_second=True)
    TenantMigrator(tenants, scratch).migrate(tenant, version, recorded, record)


def _die_before(number: int, directory: Path, tell: int, *, also_second: bool = False) -> None:
    """Replaces the system's calls that change names or files by ones that count, and kill the process in time.

    A write is torn: half of it is done.
    """
    count = 0

    def counted(name: str) -> None:
        original = getattr(os, name)

        def call(*arguments: object, **options: object) -> object:
            nonlocal count
            if _concerns(arguments[0], directory) or (also_second and _concerns(arguments[-1], directory)):
                if count == number:
                    if name == "write":
                        original(arguments[0], arguments[1][: len(arguments[1]) // 2])
                    os.write(tell, name.encode()) if name != "write" else original(tell, b"write")
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1
            return original(*arguments, **options)

        setattr(os, name, call)

    for name in ("mkdir", "open", "write", "fsync", "link", "replace", "unlink"):
        counted(name)


def _concerns(subject: object, directory: Path) -> bool:
    if isinstance(subject, int):
        with contextlib.suppress(OSError):
            return Path(f"/proc/self/fd/{subject}").readlink().is_relative_to(directory)
        return False
    return str(subject).startswith(str(directory))


if __name__ == "__main__":
    action, folder, *rest = sys.argv[1:]
    globals()[action](Path(folder), *rest)
