"""The database of a tenant in service is brought to a later version of the schema.

The door is held from the first look to the last step, so nobody writes meanwhile and no row is lost. Nothing is changed
where the tenant's files are: the current file is copied to scratch space with whatever log lies beside it, changed
there in one transaction, and published under a name of its own. What a crash leaves at any step:

1. before the pointer moves: the old database, and files that are known as left-overs;
2. before the record is written: the new database, whole, and the old one, known as a left-over. The next try finds the
   version reached and writes the record;
3. after that: the old one, known as a left-over.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tenancy.database import engine, publish, schema_versions
from tenancy.database.access import TenantDatabases
from tenancy.database.failures import named_failures, of_engine, without_values
from tenancy.database.paths import TenantFolder, write_ahead_logs
from tenancy.domain.errors import SchemaMigrationFailed, TenantDatabaseMissing


@dataclass(frozen=True)
class Migrated:
    """What became of a tenant's schema. database_path: relative to the tenants' folder."""

    database_path: str
    from_version: int
    to_version: int


class NotRecorded(Exception):
    """Raised by whoever writes the result down: the tenant's record is not as it was read."""


class TenantMigrator:
    """Migrates one tenant at a time. scratch: local disk, made if need be."""

    def __init__(
        self, directory: Path, scratch: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        # Nothing stays open afterwards: the environment may be frozen right then, lock and all.
        self._databases = TenantDatabases(directory, idle_after=0)
        self._scratch = scratch
        self._now = now

    def migrate(self, tenant_id: str, version: int, recorded: str | None, record: Callable[[Migrated], None]) -> None:
        """Bring the tenant's database to a version, and write that down while nobody else can open it.

        recorded: the database that the tenant's record names. record: writes the result down; if it raises NotRecorded,
        everything is as it was before.
        Raises SchemaMigrationFailed (the rows do not fit; nothing is changed), NotRecorded, TenantDatabaseBusy,
        TenantDatabaseMissing, StorageFull, StorageUnavailable.
        """
        with named_failures(f"migrate the database of '{tenant_id}'"), self._databases.hold(tenant_id) as folder:
            old = folder.current()
            if old is None:
                raise TenantDatabaseMissing(f"'{tenant_id}' has no database.")
            if folder.relative(old) == recorded:
                publish.clean(folder)
            # Else an earlier try got as far as the pointer. What it left goes when the record knows of it.
            with self._built(old, tenant_id, version) as (database, before, after):
                current = publish.replace(folder, old, database) if database else old
            try:
                record(Migrated(folder.relative(current), before, after))
            except NotRecorded:
                if current != old:
                    publish.put_back(folder, old, current)
                raise
            publish.clean(folder)

    def tidy(self, tenant_id: str) -> None:
        """Remove what a try left that was killed at its very end. Looks without the lock first: most find nothing."""
        folder = TenantFolder.of(self._databases.directory, tenant_id)
        with named_failures(f"tidy the folder of '{tenant_id}'"):
            if folder.path.is_dir() and folder.partials():
                with self._databases.hold(tenant_id):
                    publish.clean(folder)

    @contextmanager
    def _built(self, old: Path, tenant_id: str, version: int) -> Iterator[tuple[Path | None, int, int]]:
        """Yield the migrated copy in scratch space, until the block ends, with the versions before and after.

        None instead of a copy if the database has the version already.
        """
        with publish.workshop(self._scratch) as space:
            database = _copied(old, space)
            connection = engine.connect(database, read_only=False)
            try:
                before = schema_versions.version_of(connection, tenant_id)
                after = self._apply(connection, tenant_id, before, version)
                connection.execute("CHECKPOINT")
            finally:
                connection.close()
            if after == before:
                yield None, before, before
                return
            publish.finished(database)
            yield database, before, after

    def _apply(self, connection: duckdb.DuckDBPyConnection, tenant_id: str, have: int, version: int) -> int:
        """Take all steps up to the version, or none. Returns the version that the database has now."""
        now = self._now().astimezone(UTC).replace(tzinfo=None)
        with engine.transaction(connection):
            for step in schema_versions.shipped()[have:version]:
                try:
                    have = schema_versions.apply(connection, tenant_id, now, have=have, migrations=[step])
                except duckdb.Error as error:
                    if named := of_engine(error, f"migrate the database of '{tenant_id}'"):
                        raise named from error
                    # Without the engine's own words, which hold a customer's values, in text or traceback.
                    raise SchemaMigrationFailed(f"{step.file_name}: {without_values(error)}") from None
        return have


def _copied(database: Path, space: Path) -> Path:
    """Copy a database under its name, with its logs: they hold committed rows of a writer that died."""
    for source in (database, *write_ahead_logs(database)):
        shutil.copyfile(source, space / source.name)
    return space / database.name
