"""What is kept of a tenant's database when the tenant leaves: every table as Parquet, and a manifest that proves it."""

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

MANIFEST = "manifest.json"
_ROWS_AT_ONCE = 1000


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
        """The manifest as its file holds it."""
        return self.model_dump_json(indent=2) + "\n"

    @property
    def digest(self) -> str:
        """SHA-256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Archive:
    """A finished export. directory: holds the manifest, and the files that it names beside those of the engine."""

    directory: Path
    manifest: Manifest

    @property
    def files(self) -> list[Path]:
        """All files but the manifest."""
        return sorted(path for path in self.directory.iterdir() if path.name != MANIFEST)

    @property
    def size(self) -> int:
        """Bytes of all files but the manifest."""
        return sum(path.stat().st_size for path in self.files)


@contextmanager
def exported(database: Path, tenant_id: str, scratch: Path, exported_at: str) -> Iterator[Archive]:
    """The rows of a tenant's current database, in scratch space until the block ends. Call it while the tenant is held.

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
    """What the archive holds of a table, after its file has been read back and found to be the same."""
    there = rows_of(connection.sql(f"FROM {identifier(name)}"))
    kept = rows_of(connection.read_parquet(str(file)))
    if there != kept:
        raise OSError(f"the rows of {name} were {there}, and {kept} in the archive")
    return TableInArchive(
        file=file.name, file_sha256=hashlib.sha256(file.read_bytes()).hexdigest(), rows=there[0], rows_sha256=there[1]
    )


def file_of(table: str) -> str:
    """The name of the file that has a table's rows: what the engine calls it when it exports."""
    return f"{table}.parquet"


def rows_of(relation: duckdb.DuckDBPyRelation) -> tuple[int, str]:
    """(how many, SHA-256 in hex) of rows, whatever order they come in."""
    digest, count = hashlib.sha256(), 0
    ordered = relation.order("ALL").project("to_json(struct_pack(*COLUMNS(*)))::VARCHAR AS line")
    while rows := ordered.fetchmany(_ROWS_AT_ONCE):
        count += len(rows)
        for (line,) in rows:
            digest.update(line.encode() + b"\n")
    return count, digest.hexdigest()


def identifier(name: str) -> str:
    """A table's name as SQL takes it, whatever it consists of."""
    return '"' + name.replace('"', '""') + '"'


def _quotable(path: Path) -> str:
    text = str(path)
    if "'" in text:
        raise ValueError(f"scratch space must not have a quote in its path: {text}")
    return text
