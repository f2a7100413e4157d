"""SeedDatabase: the tenant's own database exists, and holds what the item says. DiscardDatabase: it never was."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tenancy.database import TenantDatabases, TenantSeeder, schema_versions
from tenancy.domain.calls import GenerationCall, InspectSharedCall
from tenancy.domain.errors import DatabaseBelongsToOthers, GenerationSuperseded, TenantDatabaseMissing
from tenancy.domain.events import DatabaseDiscarded, DatabaseSeeded
from tenancy.domain.record import TenantRecord
from tenancy.domain.systems import System
from tenancy.domain.values import digest_of, shown
from tenancy.platform.settings import ArchiveSettings
from tenancy.tables.effects import Effect, EffectState
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.run import Run
from tenancy.tenant_database.adopt import Adopting, proof_of
from tenancy.tenant_database.archive_bucket import ArchiveStore
from tenancy.tenant_database.restore import Restoring, asked_of

ABOUT_THE_DATABASE = (
    "database_path",
    "content_digest",
    "schema_version",
    "migration_error",
    "restored",
    "restoring",
    "adopted",
)
"""What the record says of a tenant's database, and says no more when it is gone."""


class Seeding:
    """The stages SeedDatabase and DiscardDatabase."""

    def __init__(self, settings: ArchiveSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)
        self._directory = Path(settings.tenants_directory)
        scratch = Path(settings.scratch_directory)
        databases = TenantDatabases(self._directory, idle_after=0)
        self._seeder = TenantSeeder(self._directory, scratch, databases=databases)
        self._restoring = Restoring(databases, scratch, ArchiveStore(settings.archive_bucket))
        self._adopting = Adopting(databases, scratch)

    def seed(self, call: GenerationCall) -> dict[str, Any]:
        """Publish the database, with the rows of a shared one or of an archive if that is asked for, or bring its
        configuration rows up to date. Nothing is opened if nothing changed.
        """
        run = Run.of(call, self._provisioning)
        record = run.record
        spec = {"tenant_id": record.tenant_id, **record.spec}
        target = digest_of([spec, schema_versions.latest_version()])
        effect = self._provisioning.effects.of(record.tenant_id, System.TENANT_DATABASE)
        if effect and effect.state == EffectState.DONE and effect.target == target:
            return {"changed": False}
        asked = asked_of(record)
        if not asked:
            self._require_database(record)
        if effect is None and (stranger := self._seeder.found(record.tenant_id)):
            raise DatabaseBelongsToOthers(f"{stranger} is there, and this control plane did not put it there")
        effect = Effect(
            record.tenant_id, System.TENANT_DATABASE, EffectState.STARTED, record.generation, record.attempt, target
        )
        self._provisioning.effects.start(effect)
        rows = self._seeder.rows_of(spec, record.generation)
        if proof := proof_of(record):
            self._adopting.adopt(run, rows, proof)
        kept_as = self._restoring.restore(run, rows, asked) if asked else None
        result = self._seeder.seed(spec, record.generation)
        run.finish(
            DatabaseSeeded(
                stage=call.stage,
                attempt=record.attempt,
                database_path=result.database_path,
                schema_version=result.schema_version,
                created=result.created or bool(asked or proof),
                restored_from=asked and asked["archive"],
                adopted_from=proof and proof["database"],
                kept_as=kept_as,
            ),
            fields={
                **({"restored": asked} if asked else {}),
                **({"adopted": proof} if proof else {}),
                "database_path": result.database_path,
                "content_digest": result.content_digest,
                "schema_version": result.schema_version,
            },
            remove=["restoring"],
            effect=replace(effect, state=EffectState.DONE),
        )
        return {"changed": True}

    def _require_database(self, record: TenantRecord) -> None:
        """An empty database in the place of one that is gone would look like success, and hide that a customer's rows
        are gone.
        """
        if record.database_path and not self._seeder.found(record.tenant_id):
            raise TenantDatabaseMissing(f"the database file {record.database_path} of a tenant that had one is gone")

    def inspect(self, call: InspectSharedCall) -> dict[str, Any]:
        """An operator's question before an adoption: see Adopting."""
        return self._adopting.inspect(call)

    def discard(self, call: GenerationCall) -> dict[str, Any]:
        """Undo a seed: the tenant was never live, so the rows are the control plane's own."""
        run = Run.of(call, self._provisioning)
        record = run.record
        effect = self._provisioning.effects.of(record.tenant_id, System.TENANT_DATABASE)
        if effect is None:
            return {"changed": False}
        if record.is_wanted or record.was_ever_live:
            raise GenerationSuperseded(f"the database of {shown(record.tenant_id)} is wanted")
        # From now on nobody may trust that it is there.
        self._provisioning.effects.start(replace(effect, state=EffectState.STARTED))
        self._seeder.discard(record.tenant_id)
        run.finish(
            DatabaseDiscarded(stage=call.stage, attempt=record.attempt),
            remove=ABOUT_THE_DATABASE,
            forget=[System.TENANT_DATABASE],
        )
        return {"changed": True}
