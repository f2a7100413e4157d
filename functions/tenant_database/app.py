"""The only function that opens tenants' database files."""

from tenancy.archiving import Archiving
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
    InspectShared=seeding.inspect,  # asked by an operator, not by a state
)
