"""Several tenants shared such a database before each had its own. It is only ever read.

Its columns are matched by name with the schema of this release. What does not fit is refused by the name of table and
column, so that nothing is left behind without a word.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from tenancy.database import engine, schema_versions
from tenancy.database.failures import is_lock_conflict, named_failures
from tenancy.database.paths import shared_database
from tenancy.database.table_files import (
    UNFIT,
    Column,
    TableFile,
    file_of,
    identifier,
    require_no_others,
    rows_of,
    schema_of,
)
from tenancy.domain.errors import SharedDatabaseUnfit, TenantDatabaseBusy

_BOOKKEEPING = "schema_version"
_OWNER = "tenant_id"


@dataclass(frozen=True)
class SharedRows:
    """One tenant's rows of a shared database, which can become its own. directory: holds the tables' files."""

    directory: Path
    tables: Mapping[str, TableFile]

    @property
    def version(self) -> int:
        """Return the latest version of the schema: that is what the columns were matched with."""
        return schema_versions.latest_version()

    def insert(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Put the rows into empty tables; tables and columns that there were none of are as new. Raises Unfit."""
        schema = schema_of(connection)
        require_no_others(self.tables.keys() - schema.keys(), self.version)
        for name in (name for name in schema if name in self.tables):
            self.tables[name].load(connection, name, schema[name])


def taken(directory: Path, name: str, tenant_id: str, space: Path) -> SharedRows:
    """Copy the rows of one tenant, each table as a Parquet file in ``space``, with counts and hashes.

    directory: all tenants' folder. Raises SharedDatabaseUnfit, TenantDatabaseBusy (somebody has it open to write),
    StorageFull, StorageUnavailable.
    """
    with _opened(directory, name, space) as connection:
        found = {}
        for table, rows in _relations(connection, tenant_id).items():
            file = space / file_of(table)
            rows.write_parquet(str(file))
            found[table] = TableFile(file, *rows_of(rows))
        return SharedRows(space, found)


def inspected(directory: Path, name: str, tenant_id: str, space: Path) -> dict[str, tuple[int, str]]:
    """Count and hash the tenant's rows of each table. Returns {table: (rows, sha256)}. Raises what ``taken`` raises."""
    with _opened(directory, name, space) as connection:
        return {table: rows_of(rows) for table, rows in _relations(connection, tenant_id).items()}


@contextmanager
def _opened(directory: Path, name: str, space: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    path = shared_database(directory, name)
    with named_failures(f"read the shared database {name}"):
        try:
            connection = engine.connect_to_take(path, space)
        except duckdb.Error as error:
            if is_lock_conflict(error):
                raise TenantDatabaseBusy(f"another process writes to the shared database {name}") from error
            if "not a valid DuckDB database" in str(error):
                raise SharedDatabaseUnfit(f"{name} is no database of the engine") from error
            raise
        try:
            yield connection
        except UNFIT as error:
            # Its own words may hold values.
            raise SharedDatabaseUnfit(
                f"{name} has values that the schema does not take ({type(error).__name__})"
            ) from None
        finally:
            connection.close()


def _relations(connection: duckdb.DuckDBPyConnection, tenant_id: str) -> dict[str, duckdb.DuckDBPyRelation]:
    """Return the tenant's rows of each table that the schema knows, as the schema has its columns."""
    schema, found = _shipped(tenant_id), schema_of(connection)
    relations = {}
    for table, columns in found.items():
        is_owned = any(column.name == _OWNER for column in columns)
        if table == _BOOKKEEPING or not (is_owned or table in schema):
            continue  # nobody's rows, or not the tenant's
        if not is_owned:
            raise SharedDatabaseUnfit(f"table {table} lacks the column {_OWNER}: whose its rows are can't be told")
        owned = connection.sql(f"FROM {identifier(table)}").filter(
            duckdb.ColumnExpression(_OWNER) == duckdb.ConstantExpression(tenant_id)
        )
        if table in schema:
            relations[table] = owned.select(*_matched(table, schema[table], columns))
        elif owned.limit(1).fetchone():
            raise SharedDatabaseUnfit(
                f"table {ascii(table)[:80]} has rows of the tenant, and the schema has no such table"
            )
    return relations


def _matched(table: str, wanted: list[Column], found: list[Column]) -> Iterator[duckdb.Expression]:
    names = {column.name for column in found}
    if unknown := names - {column.name for column in wanted}:
        raise SharedDatabaseUnfit(
            f"table {table} has a column that the schema does not have: {ascii(min(unknown))[:80]}"
        )
    for column in wanted:
        if column.name in names:
            yield duckdb.ColumnExpression(column.name).cast(column.sql_type).alias(column.name)
        elif column.is_required and column.default is None:
            raise SharedDatabaseUnfit(f"table {table} lacks the column {column.name}, which must have a value")


def _shipped(tenant_id: str) -> Mapping[str, list[Column]]:
    connection = engine.in_memory()
    try:
        schema_versions.apply(connection, tenant_id, datetime.fromtimestamp(0, UTC).replace(tzinfo=None))
        return schema_of(connection)
    finally:
        connection.close()
