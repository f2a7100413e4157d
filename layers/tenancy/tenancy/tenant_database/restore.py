"""A tenant's rows come back from the archive: in a new database, which takes the place of the current one.

Fetched, loaded and proven before anything that visitors see is touched. What was there before is archived in its turn,
while nobody can write to it, and only then goes.
"""

from collections.abc import Mapping
from pathlib import Path

from tenancy.database import TenantDatabases, publish
from tenancy.database.failures import named_failures
from tenancy.database.loading import Loading, Promised, Unfit
from tenancy.database.parquet import Archive, file_of
from tenancy.database.paths import never_used_name
from tenancy.database.seed import Seeding
from tenancy.domain.errors import ArchiveDamaged, TenantDatabaseMissing
from tenancy.domain.record import TenantRecord
from tenancy.tables.run import Run
from tenancy.tenant_database.archive_bucket import ArchiveStore


def asked_of(record: TenantRecord) -> dict[str, str] | None:
    """The restore that is asked for and not carried out yet: {archive, asked_at}."""
    asked: dict[str, str] | None = record.spec.get("restore")
    return None if asked == record.restored else asked


class Restoring:
    """What SeedDatabase does before all else, if an archive is asked for."""

    def __init__(self, databases: TenantDatabases, scratch: Path, store: ArchiveStore) -> None:
        self._databases = databases
        self._scratch = scratch
        self._store = store

    def restore(self, run: Run, rows: Seeding, asked: Mapping[str, str]) -> str | None:
        """Make the archive's rows the tenant's current database. Once more is no harm.

        rows: the configuration that it is to have besides. Returns the folder in which the archive has the database
        that was there before, None if there was none.
        Raises ArchiveMissing, ArchiveDamaged: then everything is as it was. And what the door raises.
        """
        record = run.record
        begun = record.restoring if record.restoring and record.restoring["asked"] == asked else {}
        with named_failures(f"restore the database of '{record.tenant_id}'"):
            if begun and is_current(self._databases, record.tenant_id, begun["database"]):
                kept_as: str | None = begun["kept_as"]
                return kept_as
            with publish.workshop(self._scratch) as space:
                known = begun.get("manifest_sha256") or _known_digest(record, asked["archive"])
                kept = self._store.get(asked["archive"], record.tenant_id, space, known)
                return self._publish(run, rows, asked, kept)

    def _publish(self, run: Run, rows: Seeding, asked: Mapping[str, str], kept: Archive) -> str | None:
        tables = {
            name: Promised(kept.directory / file_of(name), table.rows, table.rows_sha256)
            for name, table in kept.manifest.tables.items()
        }
        loading = Loading(rows, kept.manifest.schema_version, tables)
        try:
            with publish.built(self._scratch, loading.fill, reading=kept.directory) as database:
                return self._take_its_place(run, asked, kept.manifest.digest, database)
        except Unfit as unfit:
            raise ArchiveDamaged(f"the rows of {asked['archive']} can't be restored: {unfit}") from None

    def _take_its_place(self, run: Run, asked: Mapping[str, str], digest: str, database: Path) -> str | None:
        tenant_id = run.record.tenant_id
        with self._databases.hold(tenant_id, create=True) as folder:
            before = publish.settled(folder)
            # Under a name of its own: what is asked for may be an archive of this very database.
            suffix = f"-g{run.record.generation}"
            replaced = self._store.keep(before, tenant_id, self._scratch, suffix) if before else {}
            kept_as: str | None = replaced.get("folder")
            name = never_used_name()
            # A try that dies after this is told by the name whether it had come to the end.
            begun = {
                "asked": dict(asked),
                "database": folder.relative(folder.file(name)),
                "manifest_sha256": digest,
                "kept_as": kept_as,
            }
            if replaced:
                run.note_archive(replaced, restoring=begun)
            else:
                run.note({"restoring": begun})
            publish.replace(folder, before, database, name)
            publish.clean(folder)
        return kept_as


def is_current(databases: TenantDatabases, tenant_id: str, database: str) -> bool:
    """Whether an earlier try has published a database; the one before is gone after this."""
    try:
        with databases.hold(tenant_id) as folder:
            current = publish.settled(folder)
            return current is not None and folder.relative(current) == database
    except TenantDatabaseMissing:
        return False


def _known_digest(record: TenantRecord, archive: str) -> str | None:
    kept = record.archive or {}
    return kept.get("manifest_sha256") if kept.get("folder") == archive else None
