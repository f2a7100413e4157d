"""SeedDatabase: the tenant's own database exists, and holds what the item says."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tenancy.database import SeedResult, TenantDatabases, TenantSeeder, schema_versions
from tenancy.domain.calls import GenerationCall
from tenancy.domain.errors import DatabaseBelongsToOthers, TenantDatabaseMissing
from tenancy.domain.events import DatabaseSeeded
from tenancy.domain.record import TenantRecord
from tenancy.domain.systems import System
from tenancy.domain.values import digest_of
from tenancy.platform.settings import ArchiveSettings
from tenancy.tables.effects import Effect, EffectState
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.run import Run
from tenancy.tenant_database.adopt import AdoptRows, proof_of
from tenancy.tenant_database.archive_bucket import ArchiveBucket
from tenancy.tenant_database.restore import RestoreRows, asked_of


class SeedDatabase:
    """The state SeedDatabase."""

    def __init__(self, settings: ArchiveSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)
        directory, scratch = Path(settings.tenants_directory), Path(settings.scratch_directory)
        databases = TenantDatabases(directory, idle_after=0)
        self._seeder = TenantSeeder(directory, scratch)
        self._adoption = AdoptRows(databases, scratch)
        self._restore = RestoreRows(databases, scratch, ArchiveBucket(settings.archive_bucket))

    def seed(self, call: GenerationCall) -> dict[str, Any]:
        """Publish the database, with the rows of a shared one or of an archive if that is asked for, or bring its
        configuration rows up to date. Nothing is opened if nothing changed. Returns {changed}.

        Raises DatabaseBelongsToOthers, TenantDatabaseMissing, and what seeding, AdoptRows and RestoreRows raise.
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
        configuration, kept_as = self._seeder.configuration(spec, record.generation), None
        if proof := proof_of(record):
            self._adoption.adopt(run, configuration, proof)
        if asked:
            kept_as = self._restore.restore(run, configuration, asked)
        result = self._seeder.seed(spec, record.generation)
        self._finish(run, result, replace(effect, state=EffectState.DONE), kept_as)
        return {"changed": True}

    def _finish(self, run: Run, result: SeedResult, effect: Effect, kept_as: str | None) -> None:
        asked, proof = asked_of(run.record), proof_of(run.record)
        run.finish(
            DatabaseSeeded(
                stage=run.call.stage,
                attempt=run.record.attempt,
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
            effect=effect,
        )

    def _require_database(self, record: TenantRecord) -> None:
        """Refuse to seed in the place of a database that is gone: that would hide that a customer's rows are gone."""
        if record.database_path and not self._seeder.found(record.tenant_id):
            raise TenantDatabaseMissing(f"the database file {record.database_path} of a tenant that had one is gone")
