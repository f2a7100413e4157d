"""A process has these handles open, tenant by tenant; they decide who may enter when, and close again."""

import atexit
import logging
import os
import threading
import time
from collections import deque
from pathlib import Path
from typing import Literal

import duckdb

from tenancy.database import engine
from tenancy.database.failures import is_lock_conflict
from tenancy.database.file_lock import FileLock
from tenancy.database.paths import TenantFolder
from tenancy.domain.errors import TenantDatabaseBusy, TenantDatabaseMissing

logger = logging.getLogger(__name__)

# What a gate is open for. "hold" keeps everybody out without a handle: to publish, and later to migrate or archive.
# "make" is the same where there may be no lock yet.
Purpose = Literal["read", "write", "hold", "make"]

_LOOK_ROUND_SECONDS = 0.25
_LONGEST_END_SECONDS = 2.0
_LOCKED_BY_STRANGER_PAUSE_SECONDS = 0.05


class Gate:
    """What one process has open of one tenant: nothing, one handle that readers share, or one that one writer has.

    Threads enter in the order in which they came; readers that follow each other enter together.
    """

    def __init__(self, folder: TenantFolder) -> None:
        self.folder = folder
        self.interest = 0  # threads that are inside or on their way; guarded by _registry_lock
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._purpose: Purpose | None = None
        self._moving = False  # one thread is opening or closing, outside the condition
        self._users = 0
        self._idle_after = 0.0
        self._idle_since = 0.0
        self._leaving = False  # to be closed as soon as the last user has left; no new ones
        self._lock = FileLock(folder)
        self._handle: duckdb.DuckDBPyConnection | None = None

    # --- threads that want in, and out ---

    def enter(self, purpose: Purpose, deadline: float, idle_after: float) -> None:
        """Wait until there is room for a purpose, and open what it needs. Raises TenantDatabaseBusy at the deadline."""
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                while not (self._queue[0] is ticket and self._has_room_for(purpose)):
                    left = deadline - time.monotonic()
                    if left <= 0 or not self._changed.wait(left):
                        raise TenantDatabaseBusy(f"The database of '{self.folder.tenant_id}' is in use.")
                self._idle_after = idle_after
                if self._purpose == purpose == "read":
                    self._users += 1
                    return
                stale_handle = self._purpose is not None
                self._purpose, self._users, self._moving, self._leaving = purpose, 1, True, False
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
        opened = False
        try:
            if stale_handle:
                self._shut()
            self._open_up(purpose, deadline)
            opened = True
        finally:
            with self._changed:
                self._moving = False
                if not opened:
                    self._purpose, self._users = None, 0
                self._changed.notify_all()
        if purpose == "read" and idle_after > 0:
            # From now on, not from the first idle moment: readers that overlap for ever have none.
            _closer.watch()

    def leave(self) -> None:
        """End what ``enter`` began; the last reader leaves the handle open for the next one, for a while."""
        with self._changed:
            self._users -= 1
            if self._users:
                return
            if self._purpose == "read" and self._idle_after > 0 and not self._leaving:
                self._idle_since = time.monotonic()
                self._changed.notify_all()
                return
            self._moving = True
        self._shut_and_tell()

    def connection(self) -> duckdb.DuckDBPyConnection:
        """Open a connection for the calling thread alone, on the shared handle."""
        if self._handle is None:
            raise RuntimeError("held without a handle")
        return self._handle.cursor()

    def distrust(self) -> None:
        """Give whoever comes next a new handle, after an input/output error."""
        with self._changed:
            self._leaving = True

    # --- the closer's part ---

    def tend(self) -> bool:
        """Close the handle if it is idle, and see to it that it will be if another process wants to write.

        Returns whether there is still something to watch.
        """
        with self._changed:
            if self._purpose != "read" or self._moving:
                return self._moving
            idle = not self._users and time.monotonic() - self._idle_since >= self._idle_after
            if not idle and not self._leaving:
                self._leaving = self._lock.is_wanted()
            if self._users or not (idle or self._leaving):
                return True
            self._moving = True
        self._shut_and_tell()
        return False

    def let_go(self) -> None:
        """Close the handle now, or when its last user leaves."""
        with self._changed:
            if self._purpose != "read" or self._moving:
                return
            self._leaving = True
            if self._users:
                return
            self._moving = True
        self._shut_and_tell()

    def disown(self) -> None:
        """Drop the copies of the parent's descriptors in a forked child, and leave its handle alone."""
        self._lock.release()

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody has anything open here."""
        with self._changed:
            return self._purpose is None and not self._moving

    # --- one thread at a time ---

    def _has_room_for(self, purpose: Purpose) -> bool:
        if self._moving:
            return False
        if self._purpose == purpose == "read":
            return not self._leaving
        return not self._users

    def _open_up(self, purpose: Purpose, deadline: float) -> None:
        self._lock.acquire(exclusive=purpose != "read", deadline=deadline, create=purpose == "make")
        if purpose in ("hold", "make"):
            return
        try:
            self._handle = self._connected(deadline, read_only=purpose == "read")
        except BaseException:
            self._lock.release()
            raise

    def _connected(self, deadline: float, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        database = self.folder.current()
        if database is None:
            raise TenantDatabaseMissing(f"'{self.folder.tenant_id}' has no database.")
        while True:
            try:
                return engine.connect(database, read_only=read_only)
            except duckdb.IOException as error:
                if not is_lock_conflict(error):
                    raise
                if time.monotonic() >= deadline:
                    raise TenantDatabaseBusy(
                        f"The database of '{self.folder.tenant_id}' is open in a program that does not use the door."
                    ) from error
            time.sleep(_LOCKED_BY_STRANGER_PAUSE_SECONDS)

    def _shut_and_tell(self) -> None:
        try:
            self._shut()
        finally:
            with self._changed:
                self._purpose, self._moving, self._leaving = None, False, False
                self._changed.notify_all()

    def _shut(self) -> None:
        # In this order: once the lock is gone another process may write what this handle still believes to know.
        handle, self._handle = self._handle, None
        try:
            if handle is not None:
                handle.close()
        finally:
            self._lock.release()


# --- the process's gates: one per tenant, however many TenantDatabases there are --------------------------------------

_registry_lock = threading.Lock()
_gates: dict[Path, Gate] = {}


def of(folder: TenantFolder) -> Gate:
    """Return the one gate of a folder in this process, kept at least until ``leave_alone``."""
    with _registry_lock:
        gate = _gates.setdefault(folder.path, Gate(folder))
        gate.interest += 1
        return gate


def leave_alone(gate: Gate) -> None:
    """Give back what ``of`` gave."""
    with _registry_lock:
        gate.interest -= 1
        _forget_if_unused(gate)


def below(directory: Path | None = None) -> list[Gate]:
    """Return all gates of tenants' folders in a directory, or all there are."""
    with _registry_lock:
        return [gate for gate in _gates.values() if directory in (None, gate.folder.directory)]


class _Closer:
    """A thread that closes handles when they have been idle, or are wanted by a writer elsewhere."""

    def __init__(self) -> None:
        self._work = threading.Event()
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def watch(self) -> None:
        """Look after all gates from now on, until nothing is open in any."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tenant-databases-closer", daemon=True)
                self._thread.start()
        self._work.set()

    def end(self) -> None:
        """End the thread before the interpreter goes: one that is stopped inside the engine takes the process down."""
        self._ending.set()
        self._work.set()
        if self._thread is not None:
            self._thread.join(_LONGEST_END_SECONDS)

    def _run(self) -> None:
        while True:
            self._work.wait()
            self._work.clear()
            if self._ending.wait(_LOOK_ROUND_SECONDS):
                return
            gates = below()
            if sum(_tended(gate) for gate in gates):
                self._work.set()
            _forget_all_unused(gates)


def _tended(gate: Gate) -> bool:
    try:
        return gate.tend()
    except (OSError, duckdb.Error):
        # The file server does not answer. The others must be seen to all the same, and this one again.
        logger.warning("Could not look after the database of a tenant", exc_info=True)
        return True


def _forget_all_unused(gates: list[Gate]) -> None:
    with _registry_lock:
        for gate in gates:
            _forget_if_unused(gate)


def _forget_if_unused(gate: Gate) -> None:
    """Call it with the registry's lock. A gate that was forgotten before may have a successor by now, which stays:
    nobody would ever close what that one has open, and no other process could write the tenant's database.
    """
    if not gate.interest and gate.is_empty and _gates.get(gate.folder.path) is gate:
        del _gates[gate.folder.path]


_closer = _Closer()
_left_to_the_parent: list[object] = []


def _begin_anew_after_fork() -> None:
    """Keep a forked child from using or closing its parent's handles."""
    global _registry_lock, _closer  # noqa: PLW0603
    for gate in _gates.values():
        # The child's copies of the descriptors would keep the lock when the parent has let go. This does not unlock.
        gate.disown()
    _left_to_the_parent.extend((_gates.copy(), _closer))
    _gates.clear()
    _registry_lock = threading.Lock()
    _closer = _Closer()


def _end() -> None:
    _closer.end()


os.register_at_fork(after_in_child=_begin_anew_after_fork)
atexit.register(_end)
