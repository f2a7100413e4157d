"""Seed, discard and archive tenants' database files, as the states of the machines ask."""

from tenancy.handlers import stage
from tenancy.platform.settings import ArchiveSettings
from tenancy.tenant_database.archive import Archiving
from tenancy.tenant_database.export import Exporting
from tenancy.tenant_database.inspect import Inspection
from tenancy.tenant_database.purge import Purging
from tenancy.tenant_database.seed import Seeding

settings = ArchiveSettings.from_environment()
seeding = Seeding(settings)
archiving = Archiving(settings)
handler = stage(
    SeedDatabase=seeding.seed,
    DiscardDatabase=seeding.discard,
    ArchiveDatabase=archiving.archive,
    InspectDatabases=Inspection(settings).inspect,
    ExportDatabase=Exporting(settings).export,
    PurgeDatabase=Purging(settings).purge,
    InspectShared=seeding.inspect,  # asked by an operator, not by a state
)
