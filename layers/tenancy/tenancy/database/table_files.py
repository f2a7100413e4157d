"""How a new database is filled with rows that were elsewhere: columns by name, and proven by counts and hashes.

The rows come as Parquet files. What is trusted of them is nothing: tables and columns are called as the schema of this
release calls them, each table's constraints hold, and what is in the tables at last must hash as was promised.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from duckdb.sqltypes import DuckDBPyType

from tenancy.database import schema_versions
from tenancy.database.parquet import rows_of
from tenancy.database.seed import Seeding

# What the engine says of rows that are not what the table takes. Its messages may hold values, so they stay here.
UNFIT = (
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

    @property
    def sql_type(self) -> DuckDBPyType:
        return duckdb.sqltype(self.type)


@dataclass(frozen=True)
class Loading:
    """Rows for one new database. version: of the schema that they belong to. Configuration comes from ``seeding``.

    is_whole: they are all tables of a tenant's database, with all columns, and say themselves which version that is.
    """

    seeding: Seeding
    version: int
    tables: Mapping[str, Promised]
    is_whole: bool = True

    def fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Schema of that version, rows, later migrations, configuration; in an empty database, in one transaction.

        Raises Unfit.
        """
        tenant_id, now, latest = self.seeding.tenant_id, self.seeding.now, schema_versions.latest_version()
        if not 1 <= self.version <= latest:
            raise Unfit(f"they belong to version {self.version} of the schema, and this release knows 1 to {latest}")
        schema_versions.apply(connection, tenant_id, now, migrations=schema_versions.shipped()[: self.version])
        schema = schema_of(connection)
        odd = self.tables.keys() ^ schema.keys() if self.is_whole else self.tables.keys() - schema.keys()
        if odd:
            raise Unfit(f"version {self.version} of the schema has other tables: {', '.join(sorted(odd))}")
        if self.is_whole:
            connection.execute("DELETE FROM schema_version")  # theirs says when each step was taken
        for name in (name for name in schema if name in self.tables):
            load(connection, name, schema[name], self.tables[name], is_whole=self.is_whole)
        if schema_versions.version_of(connection, tenant_id) != self.version:
            raise Unfit(f"their table schema_version does not say {self.version}")
        schema_versions.apply(connection, tenant_id, now, have=self.version)
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


def load(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Sequence[Column],
    promised: Promised,
    *,
    is_whole: bool = True,
) -> None:
    """Rows into an empty table that has these columns. A column that the rows lack gets its default. Raises Unfit."""
    try:
        given = connection.read_parquet(str(promised.file))
        names = {column.name for column in columns}
        odd = names ^ set(given.columns) if is_whole else set(given.columns) - names
        if odd:
            raise Unfit(f"table {table} has other columns: {', '.join(sorted(odd))}"[:300])
        given.select(*(_value(column, given.columns) for column in columns)).insert_into(table)
    except UNFIT as error:
        raise Unfit(f"table {table} does not take its rows ({type(error).__name__})") from None
    loaded = [duckdb.ColumnExpression(column.name) for column in columns if column.name in given.columns]
    if (found := rows_of(connection.table(table).select(*loaded))) != (promised.rows, promised.rows_sha256):
        raise Unfit(f"table {table} has {found[0]} rows of {promised.rows}, or they are others: their SHA-256 differs")


def _value(column: Column, given: Sequence[str]) -> duckdb.Expression:
    if column.name in given:
        return duckdb.ColumnExpression(column.name)
    # SQL of the shipped schema: nothing of it comes from outside.
    return duckdb.SQLExpression(column.default or "NULL").cast(column.sql_type)
