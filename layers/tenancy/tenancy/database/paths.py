"""A tenant's files are here. Nowhere else does a tenant's name become part of a path.

<directory>/<tenant_id>/<32 hex>.duckdb    a database; its name is used once, ever
<directory>/<tenant_id>/current            the pointer: the name of the database that counts, and nothing else
<directory>/<tenant_id>/lock               the door's lock; never renamed or replaced while it is held
<directory>/<tenant_id>/turn               the queue in front of the lock, for whoever waits to write
<directory>/<tenant_id>/.<name>.partial    being written, or left over from a crash
<directory>/.shared/<name>.duckdb          a database of several tenants, from before; never written. No tenant's name
                                           begins with a dot.
"""

import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from tenancy.domain import hostnames, provenance
from tenancy.domain.errors import InvalidTenantItem, SharedDatabaseUnfit, TenantDatabaseMissing

_DATABASE_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}\.duckdb", re.ASCII)
_PARTIAL_NAME = re.compile(r"\.([0-9A-Za-z_-]+(?:\.duckdb)?)\.partial", re.ASCII)
_LONGEST_POINTER_BYTES = 128


@dataclass(frozen=True)
class TenantFolder:
    """One tenant's folder. ``directory`` holds all tenants' folders; ``tenant_id`` is a name that was checked."""

    directory: Path
    tenant_id: str

    @classmethod
    def of(cls, directory: Path, tenant_id: str) -> "TenantFolder":
        """Return the folder of a tenant, whether it exists or not.

        tenant_id comes from outside: a name that breaks the rule for names raises InvalidTenantItem, so that no
        separator, dot or control character can lead out of ``directory``.
        """
        if not isinstance(tenant_id, str):
            raise InvalidTenantItem("tenant_id must be a string")
        if rule := hostnames.broken_rule(tenant_id):
            raise InvalidTenantItem(f"tenant_id {ascii(tenant_id)[:80]} {rule.words}")
        return cls(directory, tenant_id)

    @property
    def path(self) -> Path:
        """Return the folder itself."""
        return self.directory / self.tenant_id

    @property
    def pointer(self) -> Path:
        """Return the file that names the database that counts."""
        return self.path / "current"

    @property
    def lock(self) -> Path:
        """Return the file that the door locks."""
        return self.path / "lock"

    @property
    def turn(self) -> Path:
        """Return the file of the queue in front of the lock."""
        return self.path / "turn"

    def file(self, name: str) -> Path:
        """Return the path of the database with this name, which must be a plain file name."""
        if not _DATABASE_NAME.fullmatch(name):
            raise ValueError(f"not a database's name: {name!r}")
        return self.path / name

    def relative(self, database: Path) -> str:
        """Return the path as the tenant's record keeps it: relative to the tenants' folder, with forward slashes."""
        return f"{self.tenant_id}/{database.name}"

    def current(self) -> Path | None:
        """Return the database that the pointer names, or None if there is no pointer. Call it under the door's lock.

        Raises TenantDatabaseMissing if the pointer is no database's name, or its file is not there: then there was
        a database, so nobody may quietly begin with an empty one.
        """
        try:
            with self.pointer.open("rb") as pointer:
                content = pointer.read(_LONGEST_POINTER_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return None
        name = content.decode("ascii", "replace").strip()
        if not _DATABASE_NAME.fullmatch(name):
            raise TenantDatabaseMissing(f"The pointer {self.tenant_id}/current does not name a database.")
        database = self.path / name
        if not database.is_file():
            raise TenantDatabaseMissing(f"The pointer of '{self.tenant_id}' names {name}, which is not there.")
        return database

    def databases(self) -> list[str]:
        """Return the names of all database files in the folder, whether the pointer names them or not. For clean-up."""
        return sorted(entry.name for entry in self.path.iterdir() if _DATABASE_NAME.fullmatch(entry.name))

    def partials(self) -> list[tuple[Path, str]]:
        """Return the files that were being written when a process died, each with the name that it was to get."""
        found = ((entry, _PARTIAL_NAME.fullmatch(entry.name)) for entry in self.path.iterdir())
        return sorted((entry, match[1]) for entry, match in found if match)


def shared_database(directory: Path, name: str) -> Path:
    """Return the path of a shared database, which must be there. name: from outside. Raises SharedDatabaseUnfit."""
    if not provenance.is_shared_file(name):
        raise SharedDatabaseUnfit(f"{ascii(name)[:80]} is not the name of a shared database")
    folder = directory / ".shared"
    path = folder / name
    if not path.is_file() or path.is_symlink():
        raise SharedDatabaseUnfit(f"there is no file {name} in the folder {folder.name} beside the tenants' folders")
    return path


def partial(path: Path) -> Path:
    """Return the temporary name under which a file is written before it gets its own."""
    return path.with_name(f".{path.name}.partial")


def write_ahead_log(database: Path) -> Path:
    """Return where the engine looks for committed rows that are not in the database file yet."""
    return database.with_name(f"{database.name}.wal")


def write_ahead_logs(database: Path) -> list[Path]:
    """Return all logs beside a database: that one, and those of a checkpoint or a recovery that was cut short."""
    return sorted(database.parent.glob(f"{database.name}.wal*"))


def never_used_name() -> str:
    """Make a name for a new database that no file has had before: time, so that names sort, and chance."""
    return f"{time.time_ns():016x}{secrets.token_hex(8)}.duckdb"


def sync_directory(directory: Path) -> None:
    """Make created, renamed and removed names in a folder survive a power failure."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
