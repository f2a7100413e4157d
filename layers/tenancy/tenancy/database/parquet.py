"""An archive of a tenant's database is every table as a Parquet file, and a manifest that proves them."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import duckdb
from pydantic import BaseModel, ConfigDict, Field

from tenancy.database import engine, schema_versions
from tenancy.database.failures import named_failures
from tenancy.database.publish import workshop
from tenancy.database.row_source import Unfit
from tenancy.database.table_files import TableFile, file_of, identifier, require_no_others, rows_of, schema_of

MANIFEST = "manifest.json"


class TableInArchive(BaseModel):
    """One table. rows_sha256: of its rows as JSON, one a line, in the order of all columns."""

    model_config = ConfigDict(frozen=True)

    file: str
    file_sha256: str
    rows: int
    rows_sha256: str


class Manifest(BaseModel):
    """What an archive holds. exported_at: ISO 8601, UTC. database: the file that it was, relative to all tenants'."""

    model_config = ConfigDict(frozen=True)

    format: int = Field(1, description="Of this manifest.")
    tenant_id: str
    database: str
    schema_version: int
    exported_at: str
    tables: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,62}$")], TableInArchive]

    @property
    def text(self) -> str:
        """Return the manifest as its file holds it."""
        return self.model_dump_json(indent=2) + "\n"

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Archive:
    """All rows of a tenant's database, which can become a new one.

    directory: holds the manifest, and the files that it names beside those of the engine.
    """

    directory: Path
    manifest: Manifest

    @property
    def files(self) -> list[Path]:
        """Return all files but the manifest."""
        return sorted(path for path in self.directory.iterdir() if path.name != MANIFEST)

    @property
    def size(self) -> int:
        """Return how many bytes all files but the manifest have."""
        return sum(path.stat().st_size for path in self.files)

    @property
    def version(self) -> int:
        """Return the version of the schema that the rows belong to."""
        return self.manifest.schema_version

    def insert(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Put the rows into the empty tables of their version: all tables, with all columns. Raises Unfit."""
        tables, schema = self.manifest.tables, schema_of(connection)
        require_no_others(tables.keys() ^ schema.keys(), self.version)
        connection.execute("DELETE FROM schema_version")  # theirs says when each step was taken
        for name, columns in schema.items():
            file = TableFile(self.directory / file_of(name), tables[name].rows, tables[name].rows_sha256)
            file.load(connection, name, columns, required=[column.name for column in columns])
        if schema_versions.version_of(connection, self.manifest.tenant_id) != self.version:
            raise Unfit(f"their table schema_version does not say {self.version}")


@contextmanager
def exported(database: Path, tenant_id: str, scratch: Path, exported_at: str) -> Iterator[Archive]:
    """Export a tenant's current database into scratch space until the block ends. Call it while the tenant is held.

    Committed rows that are not in the database file yet are among them: the engine opens the file, and checkpoints it.
    Raises StorageFull, StorageUnavailable.
    """
    with named_failures(f"export the database of '{tenant_id}'"), workshop(scratch) as space:
        directory = space / "archive"
        connection = engine.connect_to_export(database, space)
        try:
            connection.execute("CHECKPOINT")
            # A path is no parameter of this statement. It is one of ours, and nothing of it comes from outside.
            connection.execute(f"EXPORT DATABASE '{_quotable(directory)}' (FORMAT parquet)")
            names = connection.execute(
                "SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY ALL"
            ).fetchall()
            tables = {name: _table(connection, name, directory / file_of(name)) for (name,) in names}
            version = schema_versions.version_of(connection, tenant_id)
        finally:
            connection.close()
        manifest = Manifest(
            tenant_id=tenant_id,
            database=f"{tenant_id}/{database.name}",
            schema_version=version,
            exported_at=exported_at,
            tables=tables,
        )
        (directory / MANIFEST).write_text(manifest.text)
        yield Archive(directory, manifest)


def _table(connection: duckdb.DuckDBPyConnection, name: str, file: Path) -> TableInArchive:
    """Return what the archive holds of a table, after its file was read back and found to be the same."""
    there = rows_of(connection.sql(f"FROM {identifier(name)}"))
    kept = rows_of(connection.read_parquet(str(file)))
    if there != kept:
        raise OSError(f"the rows of {name} were {there}, and {kept} in the archive")
    return TableInArchive(
        file=file.name, file_sha256=hashlib.sha256(file.read_bytes()).hexdigest(), rows=there[0], rows_sha256=there[1]
    )


def _quotable(path: Path) -> str:
    text = str(path)
    if "'" in text:
        raise ValueError(f"scratch space must not have a quote in its path: {text}")
    return text
