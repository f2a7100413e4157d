"""The only function that opens tenants' database files."""

from tenancy.seeding import Seeding
from tenancy.settings import DatabaseSettings
from tenancy.stage import stage

seeding = Seeding(DatabaseSettings.from_environment())

handler = stage(SeedDatabase=seeding.seed, DiscardDatabase=seeding.discard)
