"""A tenant's rows come back from the archive: in a new database, which takes the place of the current one.

Fetched, loaded and proven before anything that visitors see is touched. What was there before is archived in its turn,
while nobody can write to it, and only then goes.
"""

from collections.abc import Mapping
from pathlib import Path

from tenancy.database import TenantDatabases, publish
from tenancy.database.configuration import ConfigurationRows
from tenancy.database.failures import named_failures
from tenancy.database.paths import never_used_name
from tenancy.database.row_source import NewDatabase, Unfit
from tenancy.domain.errors import ArchiveDamaged
from tenancy.domain.record import TenantRecord
from tenancy.tables.run import Run
from tenancy.tenant_database.archive_bucket import ArchiveBucket
from tenancy.tenant_database.on_record import begun, is_current


def asked_of(record: TenantRecord) -> dict[str, str] | None:
    """Return the restore that is asked for and not carried out yet: {archive, asked_at}."""
    asked: dict[str, str] | None = record.spec.get("restore")
    return None if asked == record.restored else asked


class RestoreRows:
    """What SeedDatabase does before all else, if an archive is asked for."""

    def __init__(self, databases: TenantDatabases, scratch: Path, bucket: ArchiveBucket) -> None:
        self._databases = databases
        self._scratch = scratch
        self._bucket = bucket

    def restore(self, run: Run, configuration: ConfigurationRows, asked: Mapping[str, str]) -> str | None:
        """Make the archive's rows the tenant's current database. Once more is no harm.

        configuration: what the database is to say besides. Returns the folder in which the archive has the database
        that was there before, None if there was none.
        Raises ArchiveMissing, ArchiveDamaged: then everything is as it was. And what the door raises.
        """
        record = run.record
        earlier = begun(record, asked)
        with named_failures(f"restore the database of '{record.tenant_id}'"):
            if earlier and is_current(self._databases, record.tenant_id, earlier["database"]):
                kept_as: str | None = earlier["kept_as"]
                return kept_as
            with publish.workshop(self._scratch) as space:
                known = earlier.get("manifest_sha256") or _known_digest(record, asked["archive"])
                kept = self._bucket.get(asked["archive"], record.tenant_id, space, known)
                try:
                    with NewDatabase(configuration, kept).built(self._scratch) as database:
                        return self._take_its_place(run, asked, kept.manifest.digest, database)
                except Unfit as unfit:
                    raise ArchiveDamaged(f"the rows of {asked['archive']} can't be restored: {unfit}") from None

    def _take_its_place(self, run: Run, asked: Mapping[str, str], digest: str, database: Path) -> str | None:
        tenant_id = run.record.tenant_id
        with self._databases.hold(tenant_id, create=True) as folder:
            before = publish.settled(folder)
            # Under a name of its own: what is asked for may be an archive of this very database.
            suffix = f"-g{run.record.generation}"
            replaced = self._bucket.keep(before, tenant_id, self._scratch, suffix) if before else {}
            kept_as: str | None = replaced.get("folder")
            name = never_used_name()
            # A try that dies after this is told by the name whether it had come to the end.
            noted = {
                "asked": dict(asked),
                "database": folder.relative(folder.file(name)),
                "manifest_sha256": digest,
                "kept_as": kept_as,
            }
            if replaced:
                run.note_archive(replaced, restoring=noted)
            else:
                run.note({"restoring": noted})
            publish.replace(folder, before, database, name)
            publish.clean(folder)
        return kept_as


def _known_digest(record: TenantRecord, archive: str) -> str | None:
    kept = record.archive or {}
    return kept.get("manifest_sha256") if kept.get("folder") == archive else None
