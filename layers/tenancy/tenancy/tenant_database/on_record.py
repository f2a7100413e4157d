"""A tenant's record says these things of its database, besides what the archive has."""

from collections.abc import Mapping
from typing import Any

from tenancy.database import TenantDatabases, publish
from tenancy.domain.errors import TenantDatabaseMissing
from tenancy.domain.record import TenantRecord

ABOUT_THE_DATABASE = (
    "database_path",
    "content_digest",
    "schema_version",
    "migration_error",
    "restored",
    "restoring",
    "adopted",
)
"""What the record says of a tenant's database, and says no more when it is gone."""


def begun(record: TenantRecord, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an earlier try to bring the rows that are asked for has noted; nothing if there was none."""
    noted: dict[str, Any] = record.restoring or {}
    return noted if noted.get("asked") == asked else {}


def is_current(databases: TenantDatabases, tenant_id: str, database: str) -> bool:
    """Tell whether an earlier try has published a database; the one before is gone after this."""
    try:
        with databases.hold(tenant_id) as folder:
            current = publish.settled(folder)
            return current is not None and folder.relative(current) == database
    except TenantDatabaseMissing:
        return False
