"""A tenant's database reaches a version of the schema, and its record knows. One message of the queue is one tenant.

What can't be now comes again: the message stays in the queue. What can't be at all is written down and mailed, and the
message is done; the tenant stays in service with the database that it has.
"""

from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger

from tenancy.database import Migrated, NotRecorded, TenantMigrator, schema_versions
from tenancy.domain.calls import MigrationRequest
from tenancy.domain.errors import RequestRefused, SchemaMigrationFailed
from tenancy.domain.events import DatabaseMigrated, DatabaseMigrationFailed, Fact
from tenancy.domain.languages import ENGLISH
from tenancy.domain.record import TenantRecord
from tenancy.domain.values import shown
from tenancy.platform import clock
from tenancy.platform.settings import DatabaseSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import as_read, where

STAGE = "MigrateDatabase"

logger = Logger(child=True)


class NotNow(Exception):
    """An execution works on the tenant, or has just done so."""


class FleetMigrations:
    """Takes the requests of `fluxion fleet migrate`."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)
        self._migrator = TenantMigrator(Path(settings.tenants_directory), Path(settings.scratch_directory))

    def migrate(self, message: str) -> None:
        """Do what one message asks, which may have come before.

        Raises NotNow, RequestRefused (no message of ours) and every transient error: the message comes again.
        """
        try:
            request = MigrationRequest.model_validate_json(message)
        except ValueError as error:
            raise RequestRefused(f"the message is no request of a migration: {error}") from error
        latest = schema_versions.latest_version()
        if request.version > latest:
            raise RequestRefused(f"this release has the schema up to {latest}: {request.version}")
        record = self._provisioning.record(request.tenant_id)
        if record is None or not record.has_database_in_service or _is_answered(record, request):
            logger.info("nothing to do", extra={"tenant_id": request.tenant_id})
            return
        if (record.schema_version or 0) >= request.version:
            self._migrator.tidy(request.tenant_id)
            logger.info("is at this version", extra={"tenant_id": request.tenant_id})
            return
        if record.lease:
            raise NotNow(f"{record.lease.holder} works on {shown(request.tenant_id)}")
        try:
            self._migrate(record, request)
        except NotRecorded:
            raise NotNow(f"the record of {shown(request.tenant_id)} changed during {STAGE}") from None

    def _migrate(self, record: TenantRecord, request: MigrationRequest) -> None:
        try:
            self._migrator.migrate(
                request.tenant_id,
                request.version,
                record.database_path,
                lambda result: self._record_success(record, request, result),
            )
        except SchemaMigrationFailed as error:
            logger.warning(str(error), extra={"tenant_id": record.tenant_id, "code": type(error).__name__})
            self._record_failure(record, request, error)

    def _record_success(self, record: TenantRecord, request: MigrationRequest, result: Migrated) -> None:
        self._commit(
            record,
            request,
            DatabaseMigrated(
                stage=STAGE,
                attempt=record.attempt,
                from_version=result.from_version,
                to_version=result.to_version,
                database_path=result.database_path,
                requested_by=request.requested_by,
                requested_at=request.requested_at,
            ),
            {"database_path": result.database_path, "schema_version": result.to_version},
            remove=["migration_error"],
        )
        logger.info("migrated", extra={"tenant_id": record.tenant_id, "to_version": result.to_version})

    def _record_failure(self, record: TenantRecord, request: MigrationRequest, error: SchemaMigrationFailed) -> None:
        code, message = type(error).__name__, str(error)
        fact = DatabaseMigrationFailed(
            stage=STAGE,
            attempt=record.attempt,
            status=str(record.status),
            name=record.spec.get("name"),
            code=code,
            message=message,
            remedy=ENGLISH.remedy(code),
            to_version=request.version,
            requested_by=request.requested_by,
            requested_at=request.requested_at,
        )
        failure = {
            "version": request.version,
            "code": code,
            "message": message,
            "at": clock.now(),
            "requested_at": request.requested_at,
        }
        self._commit(record, request, fact, {"migration_error": failure})

    def _commit(
        self,
        record: TenantRecord,
        request: MigrationRequest,
        fact: Fact,
        fields: dict[str, Any],
        remove: list[str] | None = None,
    ) -> None:
        """Write the outcome down. Raises NotRecorded if anybody has decided anything about the tenant meanwhile."""
        (
            self._provisioning.transaction(record.tenant_id)
            .set(fields)
            .remove(*(remove or []))
            .require(as_read(record))
            .require(where("database_path = :database", database=record.database_path))
            .tell(fact, generation=record.generation, execution_arn=request.origin)
            .commit(otherwise=NotRecorded())
        )


def _is_answered(record: TenantRecord, request: MigrationRequest) -> bool:
    """Return whether this very request has failed for good before: only another one tries again."""
    failure = record.migration_error or {}
    return (failure.get("version"), failure.get("requested_at")) == (request.version, request.requested_at)
