"""The only function that opens tenants' database files."""

from tenancy.seeding import Seeding
from tenancy.settings import DatabaseSettings
from tenancy.stage import stage

handler = stage(Seeding(DatabaseSettings.from_environment()).seed)
