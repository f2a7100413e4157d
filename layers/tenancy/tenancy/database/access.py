"""This is the one door to tenants' databases, for the functions and the backend alike.

Nothing else may open a tenant's file, not even to hash or copy it: the engine's own lock is a POSIX record lock, which
the process loses as soon as any of its threads closes any descriptor of that file; a second writer then gets in, and a
committed row is silently lost.
"""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Literal

import duckdb

from tenancy.database import handles
from tenancy.database.failures import named_failures, of_engine
from tenancy.database.paths import TenantFolder, sync_directory
from tenancy.domain.errors import StorageUnavailable

Mode = Literal["read", "write"]

BUSY_AFTER_SECONDS = 10.0
IDLE_AFTER_SECONDS = 2.0


class TenantDatabases:
    """All tenants' databases below one directory. Safe to share between threads, and cheap: it holds nothing itself.

    busy_after: how long an open waits for other processes and threads, in seconds.
    idle_after: how long an unused handle stays open for the next reader, in seconds. Functions pass 0: a frozen
    Lambda environment would keep its lock for as long as the file server believes in it.
    """

    def __init__(
        self, directory: Path, *, busy_after: float = BUSY_AFTER_SECONDS, idle_after: float = IDLE_AFTER_SECONDS
    ) -> None:
        # One spelling per directory, so that one process never has two handles on one file.
        self.directory = directory.resolve()
        self._busy_after = busy_after
        self._idle_after = idle_after

    @contextmanager
    def open(self, tenant_id: str, mode: Mode) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the tenant's current database: a connection, valid inside the block and for the thread that opened it.

        "read": shared with all other readers. "write": nobody else has the database open, in any process; statements
        commit one by one unless they stand in ``transaction``. Opening a tenant again inside its own block waits for
        itself, in vain. Whatever a relation or cursor of the connection is worth ends with the block.

        Raises TenantDatabaseBusy, TenantDatabaseMissing, StorageUnavailable, StorageFull, InvalidTenantItem (a name
        that no tenant can have).
        """
        if mode not in ("read", "write"):
            raise ValueError(f"mode is 'read' or 'write', not {mode!r}")
        with self._entered(self._folder(tenant_id), mode) as gate:
            connection = gate.connection()
            try:
                yield connection
            except duckdb.Error as error:
                named = of_engine(error, f"use the database of '{tenant_id}'")
                if named is None:
                    raise
                gate.distrust()
                raise named from error
            finally:
                connection.close()

    @contextmanager
    def hold(self, tenant_id: str, *, create: bool = False) -> Iterator[TenantFolder]:
        """Keep every other opener of the tenant out, in all processes, without opening the database itself.

        For what replaces the current file: publish, and whoever moves the pointer. create: makes the folder and its
        lock if need be; otherwise raises TenantDatabaseMissing. Raises also what ``open`` raises.
        """
        folder = self._folder(tenant_id)
        if create:
            self._make(folder)
        with self._entered(folder, "make" if create else "hold"):
            yield folder

    def close(self) -> None:
        """Close the handles below this directory that nobody uses, and the others as soon as they are left."""
        for gate in handles.below(self.directory):
            gate.let_go()

    def _folder(self, tenant_id: str) -> TenantFolder:
        return TenantFolder.of(self.directory, tenant_id)

    @contextmanager
    def _entered(self, folder: TenantFolder, purpose: handles.Purpose) -> Iterator[handles.Gate]:
        gate = handles.of(folder)
        try:
            with named_failures(f"open the database of '{folder.tenant_id}'"):
                gate.enter(purpose, time.monotonic() + self._busy_after, self._idle_after)
            try:
                yield gate
            finally:
                gate.leave()
        finally:
            handles.leave_alone(gate)

    def _make(self, folder: TenantFolder) -> None:
        with named_failures(f"make the folder of '{folder.tenant_id}'"):
            try:
                folder.path.mkdir(mode=0o750)
            except FileExistsError:
                return
            except FileNotFoundError:
                # Never made here: a mount that is missing would be replaced by a local folder that nobody else sees.
                raise StorageUnavailable(f"The tenants' folder {self.directory} is not there.") from None
            sync_directory(folder.directory)


def open_database(directory: Path, tenant_id: str, mode: Mode) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
    """Open a tenant's database for a single use: ``TenantDatabases(directory).open(tenant_id, mode)``."""
    return TenantDatabases(directory).open(tenant_id, mode)
