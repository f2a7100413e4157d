"""A tenant's database says what the tenant's item says: it is made if need be, and its configuration kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from tenancy.database import publish, schema_versions
from tenancy.database.access import TenantDatabases
from tenancy.database.configuration import Configuration, ConfigurationRows
from tenancy.database.engine import file_name, transaction
from tenancy.database.failures import named_failures
from tenancy.database.paths import TenantFolder
from tenancy.database.row_source import NewDatabase
from tenancy.domain.errors import TenantDatabaseMissing


@dataclass(frozen=True)
class SeedResult:
    """Where the tenant's rows are, and whether anything had to be written.

    database_path: relative to the tenants' folder. content_digest: SHA-256 in hex of the configuration as stored.
    created: the database is new. changed: something was written, be it a new database.
    """

    database_path: str
    content_digest: str
    schema_version: int
    changed: bool
    created: bool


@dataclass(frozen=True)
class PlanRows:
    """The rows of a tenant who had none anywhere: the configuration of its item, and a catalogue to begin with."""

    configuration: ConfigurationRows
    directory: None = None

    @property
    def version(self) -> int:
        """Return the latest version of the schema."""
        return schema_versions.latest_version()

    def insert(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Put the rows into tables that have none of the tenant, inside the caller's transaction."""
        self.configuration.insert(connection)
        catalogue = files("tenancy.database").joinpath("sample_catalogue.sql").read_text("utf-8")
        connection.execute(catalogue, {"tenant_id": self.configuration.tenant_id, "now": self.configuration.now})


class TenantSeeder:
    """Creates tenants' databases and keeps their configuration rows as the items say.

    directory: all tenants' folder, which must exist. scratch: local disk for building, made if need be.
    """

    def __init__(
        self, directory: Path, scratch: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        # Nothing stays open after a seed: the environment may be frozen right then, lock and all.
        self._databases = TenantDatabases(directory, idle_after=0)
        self._scratch = scratch
        self._now = now

    def seed(self, spec: Mapping[str, Any], generation: int) -> SeedResult:
        """Make the database say what the spec says; write nothing, nowhere, if it does already.

        spec: {tenant_id, name, tier, contact_email, settings}. generation: goes into the audit log.
        Raises TenantDatabaseBusy, TenantDatabaseMissing (there was one, and it is gone), StaleWriteAheadLog,
        StorageFull, StorageUnavailable, InvalidTenantItem.
        """
        rows = self.configuration(spec, generation)
        with named_failures(f"seed the database of '{rows.tenant_id}'"):
            try:
                result = self._unchanged(rows)
            except TenantDatabaseMissing:
                result = self._create(rows)
            result = result or self._update(rows)
            if not result.created:
                self._tidy(rows.tenant_id)
            return result

    def configuration(self, spec: Mapping[str, Any], generation: int) -> ConfigurationRows:
        """Return the rows that a spec asks for, as of now."""
        now = self._now().astimezone(UTC).replace(tzinfo=None)
        return ConfigurationRows(spec["tenant_id"], Configuration.of(spec), generation, now)

    def found(self, tenant_id: str) -> str | None:
        """Return a database that lies in the tenant's folder, whether the pointer names it or not; None for none."""
        folder = TenantFolder.of(self._databases.directory, tenant_id)
        names = folder.databases() if folder.path.is_dir() else []
        return folder.relative(folder.file(names[0])) if names else None

    def _tidy(self, tenant_id: str) -> None:
        """Remove what an earlier run left that was killed at its very end. Looks without the lock first: a run that
        finds nothing must change nothing, and what it sees may be another one's work in progress.
        """
        if TenantFolder.of(self._databases.directory, tenant_id).partials():
            with self._databases.hold(tenant_id) as folder:
                publish.clean(folder)

    def _unchanged(self, rows: ConfigurationRows) -> SeedResult | None:
        """Look without writing: most seeds end here. Returns None if the rows differ."""
        with self._databases.open(rows.tenant_id, "read") as connection:
            if Configuration.stored(connection, rows.tenant_id) == rows.wanted:
                return _result(rows, connection, changed=False)
        return None

    def _create(self, rows: ConfigurationRows) -> SeedResult | None:
        """Publish the tenant's first database. Returns None if another process was faster."""
        with (
            NewDatabase(rows, PlanRows(rows)).built(self._scratch) as database,
            self._databases.hold(rows.tenant_id, create=True) as folder,
        ):
            if publish.clean(folder) is not None:
                return None
            published = publish.publish(folder, database)
        return SeedResult(
            database_path=folder.relative(published),
            content_digest=rows.wanted.digest,
            schema_version=schema_versions.latest_version(),
            changed=True,
            created=True,
        )

    def _update(self, rows: ConfigurationRows) -> SeedResult:
        with self._databases.open(rows.tenant_id, "write") as connection:
            with transaction(connection):
                # Compared again, now that nobody else can write: another run may have been here since.
                changed = rows.update(connection)
            return _result(rows, connection, changed=changed)


def _result(rows: ConfigurationRows, connection: duckdb.DuckDBPyConnection, *, changed: bool) -> SeedResult:
    return SeedResult(
        database_path=f"{rows.tenant_id}/{file_name(connection)}",
        content_digest=rows.wanted.digest,
        schema_version=schema_versions.version_of(connection, rows.tenant_id),
        changed=changed,
        created=False,
    )
