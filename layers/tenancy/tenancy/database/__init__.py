"""A tenant's database is one DuckDB file on a shared file system, with one door to it.

Nothing outside this package opens, copies or names a database file.
"""

from tenancy.database.access import Mode, TenantDatabases, open_database
from tenancy.database.engine import transaction
from tenancy.database.migrator import Migrated, NotRecorded, TenantMigrator
from tenancy.database.seed import SeedResult, TenantSeeder

# The short form of the door; the name that reads best at the call: ``database.open(directory, tenant_id, "read")``.
open = open_database  # noqa: A001

__all__ = [
    "Migrated",
    "Mode",
    "NotRecorded",
    "SeedResult",
    "TenantDatabases",
    "TenantMigrator",
    "TenantSeeder",
    "open",
    "transaction",
]
