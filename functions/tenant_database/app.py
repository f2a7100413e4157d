"""Seed, discard and archive tenants' database files, and answer what people ask of them."""

from tenancy.handlers import stage
from tenancy.platform.settings import ArchiveSettings
from tenancy.tenant_database.archive import ArchiveDatabase
from tenancy.tenant_database.discard import DiscardDatabase
from tenancy.tenant_database.export import ExportDatabase
from tenancy.tenant_database.inspect import Inspection
from tenancy.tenant_database.purge import PurgeDatabase
from tenancy.tenant_database.seed import SeedDatabase

settings = ArchiveSettings.from_environment()
inspection = Inspection(settings)
handler = stage(
    SeedDatabase=SeedDatabase(settings).seed,
    DiscardDatabase=DiscardDatabase(settings).discard,
    ArchiveDatabase=ArchiveDatabase(settings).archive,
    InspectDatabases=inspection.databases,
    ExportDatabase=ExportDatabase(settings).export,
    PurgeDatabase=PurgeDatabase(settings).purge,
    InspectShared=inspection.shared,  # asked by an operator, not by a state
)
