"""Read back every row of every file, to see what the databases really hold."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import duckdb

from bench.database_writer import BARE, SHARED, new_database
from tenancy.database import TenantDatabases, engine
from tenancy.domain.errors import TenantDatabaseMissing

type Rows = Mapping[tuple[str, str], int]
"""How many rows there are of (tenant, table)."""

# Rows that carry one tenant's id and another one's content: what a reused file or a replayed log would leave.
_MIXED_UP = """
    SELECT (SELECT count(*) FROM tenants WHERE name <> 'Mercado ' || tenant_id)
         + (SELECT count(*) FROM users WHERE email <> tenant_id || '@example.org')
         + (SELECT count(*) FROM settings WHERE key = 'owner' AND value <> '"' || tenant_id || '"')
"""


@dataclass(frozen=True)
class Audit:
    """lost: tenants that were written and are not there, or not whole. foreign: rows in a file of another
    tenant's, of a tenant that nobody wrote, or with another tenant's content.
    """

    lost: int
    foreign: int


def audit(directory: Path, design: str, tenants: Iterable[str]) -> Audit:
    """Read back what one design has left below ``directory`` for the tenants that it said it had written."""
    tenants = set(tenants)
    if design == "shared_file":
        with TenantDatabases(directory / design, idle_after=0).open(SHARED, "read") as connection:
            return judged(rows(connection), tenants, mixed_up(connection), schema=False)
    files = [_of_file(directory / design, design, tenant) for tenant in sorted(tenants)]
    return Audit(sum(one.lost for one in files), sum(one.foreign for one in files))


def judged(found: Rows, tenants: set[str], mixed: int, *, schema: bool = True) -> Audit:
    """Compare the rows of a file with what the tenants in it should have.

    mixed: rows with another tenant's content. schema: whether each tenant has its own rows in schema_version.
    """
    lost, strangers = 0, sum(count for (tenant, _), count in found.items() if tenant not in tenants)
    for tenant in tenants:
        wanted = {table: count for table, count in _expected().items() if schema or table != "schema_version"}
        lost += {table: count for (of, table), count in found.items() if of == tenant} != wanted
    return Audit(lost, strangers + mixed)


def rows(connection: duckdb.DuckDBPyConnection) -> Rows:
    """Return the rows of a whole database, by tenant and table."""
    found: Counter[tuple[str, str]] = Counter()
    for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
        counted = connection.execute(f"SELECT tenant_id, count(*) FROM {table} GROUP BY ALL").fetchall()  # noqa: S608
        found.update({(tenant, table): count for tenant, count in counted})
    return found


def mixed_up(connection: duckdb.DuckDBPyConnection) -> int:
    """Return how many rows carry one tenant's id and another one's content."""
    row = connection.execute(_MIXED_UP).fetchone()
    return int(row[0]) if row else 0


def _of_file(directory: Path, design: str, tenant: str) -> Audit:
    if design == "ddl_bare":
        if not (directory / tenant / BARE).exists():
            return Audit(lost=1, foreign=0)
        with engine.connect(directory / tenant / BARE, read_only=True) as connection:
            return judged(rows(connection), {tenant}, mixed_up(connection))
    try:
        with TenantDatabases(directory, idle_after=0).open(tenant, "read") as connection:
            return judged(rows(connection), {tenant}, mixed_up(connection))
    except TenantDatabaseMissing:
        return Audit(lost=1, foreign=0)


@cache
def _expected() -> Mapping[str, int]:
    """Return the rows by table of one whole tenant, from the product's own code, in memory."""
    with duckdb.connect() as connection:
        new_database("reference").fill(connection)
        return {table: count for (_, table), count in rows(connection).items()}
