"""A tenant's rows, for that tenant's requests. There is no way to ask without naming the tenant."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb
from pydantic import BaseModel, ConfigDict

from tenancy.database import TenantDatabases
from tenancy.errors import TenantDatabaseMissing


class TenantSite(BaseModel):
    """What a tenant's site needs to know about itself. Public, so without the tenant's contact."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    name: str
    tier: str
    settings: dict[str, Any]


class TenantRepository:
    """Queries within one tenant, on a connection that was opened for it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, tenant_id: str) -> None:
        self._connection = connection
        self._tenant_id = tenant_id

    def site(self) -> TenantSite:
        """The tenant's own configuration. Raises TenantDatabaseMissing if the database is not this tenant's."""
        row = self._connection.execute(
            "SELECT tenant_id, name, tier FROM tenants WHERE tenant_id = ?", [self._tenant_id]
        ).fetchone()
        if row is None:
            raise TenantDatabaseMissing(f"The database of '{self._tenant_id}' has no row for it.")
        settings = self._connection.execute(
            "SELECT key, value FROM settings WHERE tenant_id = ? ORDER BY key", [self._tenant_id]
        ).fetchall()
        return TenantSite(
            tenant_id=row[0], name=row[1], tier=row[2], settings={key: json.loads(value) for key, value in settings}
        )


@contextmanager
def reading(databases: TenantDatabases, tenant_id: str) -> Iterator[TenantRepository]:
    """The tenant's rows as they are now. Blocks, so not for the event loop. Raises what the door raises."""
    with databases.open(tenant_id, "read") as connection:
        yield TenantRepository(connection, tenant_id)
