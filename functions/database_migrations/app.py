"""Bring tenants' databases to the schema of this release, one tenant a message."""

from tenancy.database_migrations import FleetMigrations
from tenancy.handlers import messages
from tenancy.platform.settings import DatabaseSettings

handler = messages(FleetMigrations(DatabaseSettings.from_environment()).migrate)
