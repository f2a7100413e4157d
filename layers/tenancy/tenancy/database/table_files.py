"""A table's rows become a Parquet file, counted and hashed, and go into a table of this release's schema.

What is trusted of a file is nothing: tables and columns are called as the schema calls them, each table's constraints
hold, and what is in the table at last must hash as was promised.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from duckdb.sqltypes import DuckDBPyType

from tenancy.database.row_source import Unfit

# What the engine says of rows that are not what the table takes. Its messages may hold values, so they stay here.
UNFIT = (
    duckdb.ConstraintException,
    duckdb.ConversionException,
    duckdb.InvalidInputException,
    duckdb.BinderException,
    duckdb.OutOfRangeException,
)
_ROWS_AT_ONCE = 1000


@dataclass(frozen=True)
class Column:
    """A column of the schema. default: as SQL of this schema; None for none."""

    name: str
    type: str
    is_required: bool
    default: str | None

    @property
    def sql_type(self) -> DuckDBPyType:
        """Return the engine's own object for the type."""
        return duckdb.sqltype(self.type)


@dataclass(frozen=True)
class TableFile:
    """One table's file. rows, rows_sha256: what ``rows_of`` must find, once its rows are loaded."""

    path: Path
    rows: int
    rows_sha256: str

    def load(
        self, connection: duckdb.DuckDBPyConnection, table: str, columns: Sequence[Column], required: Iterable[str] = ()
    ) -> None:
        """Put the rows into an empty table that has these columns. A column that the file lacks gets its default.

        required: names of columns that the file must have. Raises Unfit.
        """
        try:
            given = connection.read_parquet(str(self.path))
            has = set(given.columns)
            if odd := (has - {column.name for column in columns}) | (set(required) - has):
                raise Unfit(f"table {table} has other columns: {', '.join(sorted(odd))}"[:300])
            given.select(*(_value(column, given.columns) for column in columns)).insert_into(table)
        except UNFIT as error:
            raise Unfit(f"table {table} does not take its rows ({type(error).__name__})") from None
        loaded = [duckdb.ColumnExpression(column.name) for column in columns if column.name in has]
        if (found := rows_of(connection.table(table).select(*loaded))) != (self.rows, self.rows_sha256):
            raise Unfit(f"table {table} has {found[0]} rows of {self.rows}, or they are others: their SHA-256 differs")


def schema_of(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Column]]:
    """Return the tables, those first that others refer to, each with its columns in order."""
    found: dict[str, list[Column]] = {}
    for table, *column in connection.execute(
        "SELECT table_name, column_name, data_type, NOT is_nullable, column_default FROM duckdb_columns()"
        " WHERE NOT internal ORDER BY table_oid, column_index"
    ).fetchall():
        found.setdefault(table, []).append(Column(*column))
    return found


def require_no_others(odd: Iterable[str], version: int) -> None:
    """Raise Unfit if there are odd ones out among the tables of a version of the schema."""
    if odd := sorted(odd):
        raise Unfit(f"version {version} of the schema has other tables: {', '.join(odd)}")


def rows_of(relation: duckdb.DuckDBPyRelation) -> tuple[int, str]:
    """Count and hash rows, whatever order they come in. Returns (how many, SHA-256 in hex)."""
    digest, count = hashlib.sha256(), 0
    ordered = relation.order("ALL").project("to_json(struct_pack(*COLUMNS(*)))::VARCHAR AS line")
    while rows := ordered.fetchmany(_ROWS_AT_ONCE):
        count += len(rows)
        for (line,) in rows:
            digest.update(line.encode() + b"\n")
    return count, digest.hexdigest()


def file_of(table: str) -> str:
    """Return the name of the file that has a table's rows: what the engine calls it when it exports."""
    return f"{table}.parquet"


def identifier(name: str) -> str:
    """Return a table's name as SQL takes it, whatever it consists of."""
    return '"' + name.replace('"', '""') + '"'


def _value(column: Column, given: Sequence[str]) -> duckdb.Expression:
    if column.name in given:
        return duckdb.ColumnExpression(column.name)
    # SQL of the shipped schema: nothing of it comes from outside.
    return duckdb.SQLExpression(column.default or "NULL").cast(column.sql_type)
