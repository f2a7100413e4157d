"""The schema is numbered SQL; a database says how much of it it has.

``migrations/0001_initial.sql`` is version 1, and so on without a gap. A published file never changes: a correction is
the next number.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files

import duckdb

from tenancy.domain import hostnames
from tenancy.domain.errors import InvalidTenantItem

_FILE_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql", re.ASCII)
# What stands in the SQL files where the tenant's name belongs. As it stands it admits no tenant at all.
_PLACEHOLDER = "'<tenant>'"


@dataclass(frozen=True)
class Migration:
    """One step of the schema."""

    version: int
    name: str
    sql: str

    @property
    def file_name(self) -> str:
        """Return the name of the file that holds it."""
        return f"{self.version:04d}_{self.name}.sql"


@cache
def shipped() -> Sequence[Migration]:
    """Return all migrations of this release, in order, numbered from 1 without a gap."""
    found = [
        Migration(int(match[1]), match[2], entry.read_text("utf-8"))
        for entry in files("tenancy.database").joinpath("migrations").iterdir()
        if (match := _FILE_NAME.fullmatch(entry.name))
    ]
    found.sort(key=lambda migration: migration.version)
    if not found or [migration.version for migration in found] != list(range(1, len(found) + 1)):
        raise RuntimeError("The migrations are not numbered from 1 without a gap.")
    return tuple(found)


def latest_version() -> int:
    """Return the schema's version in this release."""
    return shipped()[-1].version


def apply(
    connection: duckdb.DuckDBPyConnection,
    tenant_id: str,
    now: datetime,
    *,
    have: int = 0,
    migrations: Sequence[Migration] | None = None,
) -> int:
    """Bring a tenant's schema up to date and record each step, inside the caller's transaction.

    have: the version that the database has, 0 for an empty one. now: without a time zone, in UTC.
    Returns the version that it has now.
    """
    for migration in shipped() if migrations is None else migrations:
        if migration.version <= have:
            continue
        connection.execute(_for_tenant(migration.sql, tenant_id))
        connection.execute(
            "INSERT INTO schema_version (tenant_id, version, name, applied_at) VALUES (?, ?, ?, ?)",
            [tenant_id, migration.version, migration.name, now],
        )
        have = migration.version
    return have


def version_of(connection: duckdb.DuckDBPyConnection, tenant_id: str) -> int:
    """Return the version of an existing tenant's schema."""
    row = connection.execute("SELECT max(version) FROM schema_version WHERE tenant_id = ?", [tenant_id]).fetchone()
    return int(row[0]) if row and row[0] is not None else 0


def _for_tenant(sql: str, tenant_id: str) -> str:
    """Return the SQL with the tenant's name in its CHECK constraints.

    The one place where a value is put into the text of SQL, because a constraint has no parameters. (DuckDB 1.5
    accepts one in CREATE TABLE without a word, and stores a constraint that does not hold.) It is safe as a quoted
    literal because a name that passes the rule consists of a-z, 0-9 and hyphens: nothing in it can end the quotes.
    """
    if not hostnames.is_valid_label(tenant_id):
        raise InvalidTenantItem("tenant_id is not a name that a tenant can have.")
    return sql.replace(_PLACEHOLDER, f"'{tenant_id}'")
