"""A tenant's new database is built aside, and published whole or not at all.

The order of the steps is the point; a crash between any two leaves the old state, or the new one, and at most files
that are known as left-overs:

1. build in local scratch space, in one transaction, checkpointed and synced;
2. one copy to a temporary name in the tenant's folder, synced;
3. a second name for it, by link, that no file ever had before;
4. the pointer to that name, by rename;
5. the temporary name goes. As long as it is there, the file of step 3 is known to be unpublished or just published.

A renamed or reused name could meet a ``.wal`` of another file, and the engine would replay it: rows of a dead tenant
in a new one's database.
"""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from tenancy.database import engine
from tenancy.database.paths import (
    TenantFolder,
    never_used_name,
    partial,
    sync_directory,
    write_ahead_log,
    write_ahead_logs,
)
from tenancy.domain.errors import StaleWriteAheadLog, StorageUnavailable, TenantDatabaseMissing

_WORKSHOP_PREFIX = "tenant-database-"


@contextmanager
def built(
    scratch: Path, fill: Callable[[duckdb.DuckDBPyConnection], None], reading: Path | None = None
) -> Iterator[Path]:
    """Build a database in scratch space, closed and synced; it is gone after the block.

    fill: makes tables and rows; it runs inside one transaction. reading: a directory whose files it may read.
    """
    with workshop(scratch) as space:
        database = space / "new.duckdb"
        connection = engine.create(database, reading)
        try:
            with engine.transaction(connection):
                fill(connection)
            connection.execute("CHECKPOINT")
        finally:
            connection.close()
        finished(database)
        yield database


def finished(database: Path) -> None:
    """Make sure that a closed database in scratch space is whole without a log, and on disk."""
    if write_ahead_logs(database):
        # Half of the rows would stay behind in it.
        raise StorageUnavailable("The new database could not be checkpointed in scratch space.")
    _sync(database)


@contextmanager
def workshop(scratch: Path) -> Iterator[Path]:
    """Make a folder of one's own in scratch space; those of processes that died go, so that the space does not fill."""
    scratch.mkdir(parents=True, exist_ok=True)
    for left_over in scratch.glob(f"{_WORKSHOP_PREFIX}*"):
        with _locked(left_over) as free:
            if free:
                shutil.rmtree(left_over, ignore_errors=True)
    while True:
        space = Path(tempfile.mkdtemp(prefix=_WORKSHOP_PREFIX, dir=scratch))
        try:
            with _locked(space) as ours:
                # Another process may have taken it for left over, in the instant before it was locked.
                if ours and space.is_dir():
                    yield space
                    return
        finally:
            shutil.rmtree(space, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[bool]:
    """Yield whether the folder is there and nobody works in it; inside the block, nobody else can begin to."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)


def publish(folder: TenantFolder, database: Path, name: str | None = None) -> Path:
    """Make a closed database the tenant's current one. Call it while the tenant is held.

    name: one that was never used, where it had to be known before.
    Returns its path in the tenant's folder. The previous file, if any, stays where it is, unnamed by the pointer.
    Raises StaleWriteAheadLog, and OSError as the file system raises it.
    """
    published = folder.file(name or never_used_name())
    temporary = partial(published)
    _copy(database, temporary)
    _link(temporary, published)
    sync_directory(folder.path)
    _refuse_stale_log(published)
    point(folder, published)
    temporary.unlink()
    return published


def replace(folder: TenantFolder, old: Path | None, database: Path, name: str | None = None) -> Path:
    """Publish, and have the previous file known as a left-over as soon as the pointer has left it.

    Call it while the tenant is held, and ``clean`` when nothing needs the previous file any more.
    """
    if old:
        _mark(folder, old)
    return publish(folder, database, name)


def put_back(folder: TenantFolder, old: Path, new: Path) -> None:
    """Undo ``replace``: the previous file is current again, and the new one goes. Call it in the same hold."""
    _mark(folder, new)
    point(folder, old)
    clean(folder)


def _mark(folder: TenantFolder, database: Path) -> None:
    """Give a database a temporary name beside its own: it is a left-over from when the pointer does not name it."""
    with suppress(FileExistsError):
        partial(database).hardlink_to(database)
    sync_directory(folder.path)


def point(folder: TenantFolder, database: Path) -> None:
    """Make a whole database in the tenant's folder the current one, in one step. Call it while the tenant is held."""
    temporary = partial(folder.pointer)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        _write(descriptor, memoryview(f"{database.name}\n".encode("ascii")))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.replace(folder.pointer)
    sync_directory(folder.path)


def discard(folder: TenantFolder) -> None:
    """Remove the tenant's current database, and its folder unless something else lies in it. Call it while it is held.

    A database that the pointer does not name is somebody else's, and stays. A crash on the way leaves the tenant with
    its database, or with files that are known as left-overs.
    """
    try:
        current = folder.current()
    except TenantDatabaseMissing:
        current = None
    if current:
        _mark(folder, current)
    folder.pointer.unlink(missing_ok=True)
    _remove_left_overs(folder, None)
    remove_folder(folder)


def remove_folder(folder: TenantFolder) -> None:
    """Remove the locks and the folder, unless something else lies in it. Call it while the tenant is held."""
    folder.lock.unlink(missing_ok=True)
    folder.turn.unlink(missing_ok=True)
    try:
        folder.path.rmdir()
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:  # a stranger's file, or the lock that a waiter has made again
            raise
    sync_directory(folder.directory)


def clean(folder: TenantFolder) -> Path | None:
    """Remove what a crash while publishing has left. Call it while the tenant is held, so nobody is at it now.

    Returns the current database, if there is one. Raises TenantDatabaseMissing if a database lies there and no pointer
    says which one counts.
    """
    current = folder.current()
    _remove_left_overs(folder, current)
    if current is None and (unnamed := folder.databases()):
        raise TenantDatabaseMissing(
            f"The folder of '{folder.tenant_id}' has no pointer, but a database that may hold rows: {unnamed[0]}. "
            "Write its name into the file 'current', or move it away."
        )
    return current


def settled(folder: TenantFolder) -> Path | None:
    """Clean up for whoever brings a whole database: what lies there and is not the current one is left as it is."""
    try:
        return clean(folder)
    except TenantDatabaseMissing:
        return None


def _remove_left_overs(folder: TenantFolder, current: Path | None) -> None:
    """Remove temporary files, and names that the pointer never reached, or reaches no more: those share their inode
    with a temporary file. Any other file might be somebody's only copy and stays.
    """
    for temporary, name in folder.partials():
        final = folder.path / name
        if final != current and final.exists() and final.samefile(temporary):
            for log in write_ahead_logs(final):
                log.unlink()
            final.unlink()
        temporary.unlink()


def _copy(source: Path, target: Path) -> None:
    content = memoryview(source.read_bytes())
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
    try:
        _write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _link(temporary: Path, published: Path) -> None:
    try:
        published.hardlink_to(temporary)
    except FileExistsError:
        # On NFS the link may have been made and its reply lost; the client's second try then finds our own file.
        if not published.samefile(temporary):
            raise


def _write(descriptor: int, content: memoryview) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_stale_log(database: Path) -> None:
    log = write_ahead_log(database)
    if log.exists():
        raise StaleWriteAheadLog(f"{log.parent.name}/{log.name} lies beside a name that was never used.")
