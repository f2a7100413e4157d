"""ExportDatabase copies a customer's data, to be taken away, when a person asks, beside the workflow."""

from pathlib import Path
from typing import Any

from tenancy.database import TenantDatabases, parquet
from tenancy.database.failures import named_failures
from tenancy.domain.calls import OrderCall
from tenancy.domain.errors import GenerationSuperseded, TenantDatabaseMissing
from tenancy.domain.events import DatabaseExported
from tenancy.domain.record import TenantRecord
from tenancy.domain.values import shown
from tenancy.platform import clock
from tenancy.platform.settings import ArchiveSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import where
from tenancy.tenant_database.archive_bucket import ArchiveBucket, export_folder_of

KEPT_DAYS = 7
"""How long an export lies in the bucket (a lifecycle rule of the bucket)."""


class ExportDatabase:
    """What answers ``fluxion tenants export``."""

    def __init__(self, settings: ArchiveSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)
        self._databases = TenantDatabases(Path(settings.tenants_directory), idle_after=0)
        self._scratch = Path(settings.scratch_directory)
        self._bucket = ArchiveBucket(settings.archive_bucket)

    def export(self, call: OrderCall) -> dict[str, Any]:
        """Copy the rows, upload the copy, put it on record. Returns the receipt.

        The tenant is held from the first of this to the last: nobody writes meanwhile, and no stage replaces or
        removes the database. It needs no lease, since it changes nothing that the workflow decides.
        Raises TenantDatabaseMissing if the tenant has no database, TenantDatabaseBusy.
        """
        with (
            named_failures(f"export the database of '{call.tenant_id}'"),
            self._databases.hold(call.tenant_id) as folder,
        ):
            record = self._provisioning.record(call.tenant_id)
            database = folder.current()
            if record is None or database is None or record.database_path != folder.relative(database):
                raise TenantDatabaseMissing(f"{shown(call.tenant_id)} has no database that is on record")
            with parquet.exported(database, call.tenant_id, self._scratch, clock.now()) as made:
                manifest = made.manifest
                fact = DatabaseExported(
                    stage=call.stage,
                    attempt=record.attempt,
                    request=call.request,
                    requested_by=call.requested_by,
                    archive=self._bucket.put(made, export_folder_of(made)),
                    rows={name: table.rows for name, table in manifest.tables.items()},
                    bytes=made.size,
                    manifest_sha256=manifest.digest,
                )
            self._put_on_record(record, fact)
        return {
            "tenant_id": call.tenant_id,
            "requested_by": call.requested_by,
            "exported_at": manifest.exported_at,
            "folder": fact.archive,
            "rows": fact.rows,
            "bytes": fact.bytes,
            "manifest_sha256": fact.manifest_sha256,
        }

    def _put_on_record(self, record: TenantRecord, fact: DatabaseExported) -> None:
        changed = GenerationSuperseded(f"{shown(record.tenant_id)} got another database meanwhile")
        (
            self._provisioning.transaction(record.tenant_id)
            .require(where("database_path = :path", path=record.database_path))
            .tell(fact, generation=record.generation)
            .commit(otherwise=changed)
        )
