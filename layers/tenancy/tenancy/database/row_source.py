"""The rows of a tenant's new database come from a source, and get into it in one way."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import duckdb

from tenancy.database import publish, schema_versions
from tenancy.database.configuration import ConfigurationRows


class Unfit(Exception):
    """The rows are not those that were promised, or this schema has no place for them. One sentence, no values."""


class RowSource(Protocol):
    """The rows of one tenant: from the item's plan, from an archive, or from a database that tenants shared."""

    @property
    def version(self) -> int:
        """Return the version of the schema that the rows belong to."""

    @property
    def directory(self) -> Path | None:
        """Return the directory whose files the engine must be able to read; None for none."""

    def insert(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Put the rows into the empty tables of that version, inside the caller's transaction. Raises Unfit."""


@dataclass(frozen=True)
class NewDatabase:
    """A tenant's database that is to be: rows from one source, and the configuration of the item as it is now."""

    configuration: ConfigurationRows
    source: RowSource

    def built(self, scratch: Path) -> AbstractContextManager[Path]:
        """Build the database in scratch space. Returns its file, which is there until the block ends. Raises Unfit."""
        return publish.built(scratch, self.fill, self.source.directory)

    def fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Put schema and rows into an empty database, inside the caller's transaction. Raises Unfit."""
        tenant_id, now = self.configuration.tenant_id, self.configuration.now
        version, latest = self.source.version, schema_versions.latest_version()
        if not 1 <= version <= latest:
            raise Unfit(f"they belong to version {version} of the schema, and this release knows 1 to {latest}")
        schema_versions.apply(connection, tenant_id, now, migrations=schema_versions.shipped()[:version])
        self.source.insert(connection)
        schema_versions.apply(connection, tenant_id, now, have=version)
        self.configuration.update(connection)
