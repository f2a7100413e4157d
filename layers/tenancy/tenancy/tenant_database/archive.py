"""ArchiveDatabase: the rows of a tenant that leaves are in the archive, and its database is gone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tenancy.database import TenantDatabases, publish
from tenancy.database.failures import named_failures
from tenancy.database.paths import TenantFolder
from tenancy.domain.calls import GenerationCall
from tenancy.domain.errors import GenerationSuperseded, TenantDatabaseMissing
from tenancy.domain.events import DatabaseArchived
from tenancy.domain.record import TenantRecord
from tenancy.domain.systems import System
from tenancy.domain.values import shown
from tenancy.platform.settings import ArchiveSettings
from tenancy.tables.effects import EffectState
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.run import Run
from tenancy.tenant_database.archive_bucket import ArchiveBucket
from tenancy.tenant_database.on_record import ABOUT_THE_DATABASE


class ArchiveDatabase:
    """The state ArchiveDatabase."""

    def __init__(self, settings: ArchiveSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)
        self._databases = TenantDatabases(Path(settings.tenants_directory), idle_after=0)
        self._scratch = Path(settings.scratch_directory)
        self._bucket = ArchiveBucket(settings.archive_bucket)

    def archive(self, call: GenerationCall) -> dict[str, Any]:
        """Export the rows, upload them, write down where they are, and only then remove the database.

        Nobody can write between the first and the last of this: the door is held. Raises TenantDatabaseMissing if
        there was a database, and neither it nor its archive is there.
        """
        run = Run.of(call, self._provisioning)
        record = run.record
        effect = self._provisioning.effects.of(record.tenant_id, System.TENANT_DATABASE)
        if effect is None:
            return {"changed": False}
        if record.is_wanted:
            raise GenerationSuperseded(f"the database of {shown(record.tenant_id)} is wanted")
        # From now on nobody may trust that it is there.
        self._provisioning.effects.start(replace(effect, state=EffectState.STARTED))
        kept = self._empty_folder(run) or _kept_before(record)
        run.finish(
            DatabaseArchived(
                stage=call.stage,
                attempt=record.attempt,
                archive=kept.get("folder"),
                rows=kept.get("rows", {}),
                bytes=kept.get("bytes", 0),
                manifest_sha256=kept.get("manifest_sha256"),
            ),
            remove=ABOUT_THE_DATABASE,
            forget=[System.TENANT_DATABASE],
        )
        return {"changed": True}

    def _empty_folder(self, run: Run) -> dict[str, Any]:
        """Archive and remove what is there. Returns what was kept; nothing if there was no database any more."""
        tenant_id = run.record.tenant_id
        kept: dict[str, Any] = {}
        if not TenantFolder.of(self._databases.directory, tenant_id).path.is_dir():
            return kept
        with (
            named_failures(f"archive the database of '{tenant_id}'"),
            self._databases.hold(tenant_id, create=True) as folder,
        ):
            if database := folder.current():
                kept = self._keep(run, database)
            publish.discard(folder)
        return kept

    def _keep(self, run: Run, database: Path) -> dict[str, Any]:
        kept = self._bucket.keep(database, run.record.tenant_id, self._scratch)
        # The path too: a migration that was cut short may have left the record with the one before.
        run.note_archive(kept, database_path=kept["database"])
        return kept


def _kept_before(record: TenantRecord) -> dict[str, Any]:
    """Return what an earlier try has archived of the database on record; nothing if there never was one."""
    if record.database_path is None:
        return {}
    kept = record.archive or {}
    if kept.get("database") not in record.known_databases:
        raise TenantDatabaseMissing(f"the database file {record.database_path} is gone, and was never archived")
    return kept
