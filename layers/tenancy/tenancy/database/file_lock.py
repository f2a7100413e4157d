"""This lock is in front of a tenant's database, across processes and machines.

flock, because on NFS 4 (which EFS speaks) the server keeps it for all machines, and because locally it belongs to the
open file: closing another descriptor of the same file does not drop it, as it would drop a POSIX record lock.

Two files. ``lock`` is shared to read and exclusive to write. ``turn`` is held, exclusive, by whoever waits to write:
newcomers queue behind it, and holders of the shared lock look at it to see that they should let go. Without it a
tenant that is read all the time could never be written.
"""

import errno
import fcntl
import os
import time
from pathlib import Path

from tenancy.database.paths import TenantFolder
from tenancy.domain.errors import TenantDatabaseBusy, TenantDatabaseMissing

# Asked again and again instead of waited for: a blocked flock cannot time out, and the NFS client itself asks the
# server again at growing intervals of up to 30 s.
_FIRST_PAUSE_SECONDS = 0.002
_LONGEST_PAUSE_SECONDS = 0.025


class FileLock:
    """The lock of one tenant, held by this process at most once at a time. Not thread-safe: the door sees to that."""

    def __init__(self, folder: TenantFolder) -> None:
        self._folder = folder
        self._lock: int | None = None
        self._turn: int | None = None

    def acquire(self, *, exclusive: bool, deadline: float, create: bool = False) -> None:
        """Take the lock, shared or exclusive.

        deadline: on the monotonic clock, in seconds. create: makes the lock's files where they are missing.
        Raises TenantDatabaseBusy when the deadline has passed, and TenantDatabaseMissing if the tenant has no lock
        file, or no folder for one: then nothing was ever published.
        """
        how = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
        while True:
            self._turn = self._open(self._folder.turn, create=create)
            self._lock = self._open(self._folder.lock, create=create)
            try:
                self._wait_for(self._turn, how, deadline)
                self._wait_for(self._lock, how, deadline)
                fcntl.flock(self._turn, fcntl.LOCK_UN)
                if self._is_on_disk(self._lock):
                    return
            except BaseException:
                self.release()
                raise
            # The folder was removed, and maybe made again, while we waited: what we hold keeps nobody out.
            self.release()

    def release(self) -> None:
        """Let go of the lock. The tenant's database must be closed by now."""
        descriptors, self._lock, self._turn = (self._lock, self._turn), None, None
        for descriptor in descriptors:
            if descriptor is not None:
                os.close(descriptor)

    def is_wanted(self) -> bool:
        """Tell whether somebody waits to write, while we hold the lock shared."""
        if self._turn is None:
            return False
        if not _try(self._turn, fcntl.LOCK_SH):
            return True
        fcntl.flock(self._turn, fcntl.LOCK_UN)
        return False

    def _open(self, path: Path, *, create: bool) -> int:
        try:
            # To write, although nothing is written: an exclusive lock on NFS needs it.
            return os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT if create else 0), 0o640)
        except (FileNotFoundError, NotADirectoryError):
            self.release()
            raise TenantDatabaseMissing(f"'{self._folder.tenant_id}' has no database.") from None

    def _wait_for(self, descriptor: int, how: int, deadline: float) -> None:
        pause = _FIRST_PAUSE_SECONDS
        while not _try(descriptor, how):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TenantDatabaseBusy(f"The database of '{self._folder.tenant_id}' is in use by another process.")
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)

    def _is_on_disk(self, descriptor: int) -> bool:
        try:
            on_disk = self._folder.lock.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        return os.path.samestat(on_disk, os.fstat(descriptor))


def _try(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        raise
    return True
