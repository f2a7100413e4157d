"""How a new database is filled with rows that were elsewhere: columns by name, and proven by counts and hashes.

The rows come as Parquet files. What is trusted of them is nothing: tables and columns are called as the schema of this
release calls them, each table's constraints hold, and what is in the tables at last must hash as was promised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tenancy.database import migrations
from tenancy.database.archive import rows_of
from tenancy.database.seed import Seeding

# What the engine says of rows that are not what the table takes. Its messages may hold values, so they stay here.
_UNFIT = (
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.BinderException,
    duckdb.OutOfRangeException,
)


class Unfit(Exception):
    """The rows are not those that were promised, or this schema has no place for them. One sentence, no values."""


@dataclass(frozen=True)
class Promised:
    """One table. file: Parquet. rows, rows_sha256: what ``archive.rows_of`` must find, once they are loaded."""

    file: Path
    rows: int
    rows_sha256: str


@dataclass(frozen=True)
class Column:
    """A column of the schema. default: as SQL of this schema; None for none."""

    name: str
    type: str
    is_required: bool
    default: str | None


@dataclass(frozen=True)
class Loading:
    """Rows for one new database. version: of the schema that they belong to. Configuration comes from ``seeding``."""

    seeding: Seeding
    version: int
    tables: Mapping[str, Promised]

    def fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Schema of that version, rows, later migrations, configuration; in an empty database, in one transaction.

        Raises Unfit.
        """
        tenant_id, now, latest = self.seeding.tenant_id, self.seeding.now, migrations.latest_version()
        if not 1 <= self.version <= latest:
            raise Unfit(f"they belong to version {self.version} of the schema, and this release knows 1 to {latest}")
        migrations.apply(connection, tenant_id, now, migrations=migrations.shipped()[: self.version])
        schema = schema_of(connection)
        if self.tables.keys() != schema.keys():
            odd = sorted(self.tables.keys() ^ schema.keys())
            raise Unfit(f"version {self.version} of the schema has other tables: {', '.join(odd)}")
        # Theirs says when each step was taken.
        connection.execute("DELETE FROM schema_version")
        for name, columns in schema.items():
            load(connection, name, columns, self.tables[name])
        if migrations.version_of(connection, tenant_id) != self.version:
            raise Unfit(f"their table schema_version does not say {self.version}")
        migrations.apply(connection, tenant_id, now, have=self.version)
        self.seeding.configure(connection)


def schema_of(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Column]]:
    """Tables, those first that others refer to, and their columns in order."""
    found: dict[str, list[Column]] = {}
    for table, *column in connection.execute(
        "SELECT table_name, column_name, data_type, NOT is_nullable, column_default FROM duckdb_columns()"
        " WHERE NOT internal ORDER BY table_oid, column_index"
    ).fetchall():
        found.setdefault(table, []).append(Column(*column))
    return found


def load(connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[Column], promised: Promised) -> None:
    """Rows into an empty table that has these columns. Raises Unfit."""
    try:
        given = connection.read_parquet(str(promised.file))
        if sorted(given.columns) != sorted(column.name for column in columns):
            odd = sorted(set(given.columns) ^ {column.name for column in columns})
            raise Unfit(f"table {table} has other columns: {', '.join(odd) or 'one of them twice'}"[:300])
        given.select(*(duckdb.ColumnExpression(column.name) for column in columns)).insert_into(table)
    except _UNFIT as error:
        raise Unfit(f"table {table} does not take its rows ({type(error).__name__})") from None
    if (found := rows_of(connection.table(table))) != (promised.rows, promised.rows_sha256):
        raise Unfit(f"table {table} has {found[0]} rows of {promised.rows}, or they are others: their SHA-256 differs")
