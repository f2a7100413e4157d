"""Read and write a tenant's rows, for that tenant's requests. There is no way to ask without naming the tenant."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, LiteralString

import duckdb

from tenancy import database
from tenancy.database import Mode, TenantDatabases
from tenancy.domain.errors import TenantDatabaseMissing

type Row = dict[str, Any]


class TenantRows:
    """Run statements within one tenant, on a connection that was opened for it.

    Every statement is given ``$tenant_id``, and the engine refuses one that does not use what it is given: so a
    statement that forgets the tenant fails always, not only where there are two. Statements are literals (the type
    checker sees to it), and all values are bound.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, tenant_id: str) -> None:
        """Raise TenantDatabaseMissing if the database is not this tenant's, after a restore into the wrong folder."""
        self.tenant_id = tenant_id
        self._connection = connection
        if self.one("SELECT tenant_id FROM tenants WHERE tenant_id = $tenant_id") is None:
            raise TenantDatabaseMissing(f"The database of '{tenant_id}' has no row for it.")

    def all(self, statement: LiteralString, **values: Any) -> list[Row]:
        """Return what a statement finds, each row by its columns' names."""
        found = self._connection.execute(statement, {"tenant_id": self.tenant_id, **values})
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def one(self, statement: LiteralString, **values: Any) -> Row | None:
        """Return the first row, or None."""
        found = self.all(statement, **values)
        return found[0] if found else None

    def write(self, statement: LiteralString, **values: Any) -> None:
        """Run a statement that finds nothing."""
        self._connection.execute(statement, {"tenant_id": self.tenant_id, **values})

    def log(self, actor: str, action: str, detail: dict[str, Any], entry_id: str | None = None) -> None:
        """Note who has done what, in the tenant's own audit log. ``entry_id`` must be new."""
        self.write(
            "INSERT INTO audit_log (tenant_id, entry_id, occurred_at, actor, action, detail)"
            " VALUES ($tenant_id, $entry_id, $now, $actor, $action, $detail)",
            entry_id=entry_id or secrets.token_hex(16),
            now=now(),
            actor=actor,
            action=action,
            detail=json.dumps(detail, sort_keys=True),
        )


class Tenants:
    """Give every tenant's rows, one tenant at a time."""

    def __init__(self, databases: TenantDatabases) -> None:
        self._databases = databases

    def read[Result](self, tenant_id: str, question: Callable[[TenantRows], Result]) -> Result:
        """Return what the question finds now. Blocks, so not for the event loop. Raises what opening a file raises."""
        with self._opened(tenant_id, "read") as rows:
            return question(rows)

    def write[Result](self, tenant_id: str, change: Callable[[TenantRows], Result]) -> Result:
        """Do all of the change or, if it raises, none; meanwhile nobody else has the tenant's database open."""
        with self._opened(tenant_id, "write") as rows, database.transaction(rows._connection):
            return change(rows)

    @contextmanager
    def _opened(self, tenant_id: str, mode: Mode) -> Iterator[TenantRows]:
        with self._databases.open(tenant_id, mode) as connection:
            yield TenantRows(connection, tenant_id)


def now() -> datetime:
    """Return the time as databases hold it: UTC, without a zone, to the millisecond."""
    moment = datetime.now(UTC).replace(tzinfo=None)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def told(moment: datetime) -> str:
    """Return such a time as the API tells it."""
    return moment.isoformat(timespec="milliseconds") + "Z"
