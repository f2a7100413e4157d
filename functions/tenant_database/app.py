"""What the states do to tenants' database files: seed, discard, archive."""

from tenancy.archiving import Archiving
from tenancy.exporting import Exporting
from tenancy.inspection import Inspection
from tenancy.purging import Purging
from tenancy.seeding import Seeding
from tenancy.settings import ArchiveSettings
from tenancy.stage import stage

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
