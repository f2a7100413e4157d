"""Brings tenants' databases to the schema of this release, one message a tenant."""

from tenancy.migrating import FleetMigrations
from tenancy.settings import DatabaseSettings
from tenancy.stage import messages

handler = messages(FleetMigrations(DatabaseSettings.from_environment()).migrate)
