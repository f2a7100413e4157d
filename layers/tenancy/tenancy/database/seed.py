"""What a tenant's database holds from its item: configuration as rows, and a catalogue to begin with."""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from tenancy.database import publish, schema_versions
from tenancy.database.access import TenantDatabases
from tenancy.database.engine import file_name, transaction
from tenancy.database.failures import named_failures
from tenancy.database.paths import TenantFolder
from tenancy.domain.errors import TenantDatabaseMissing
from tenancy.domain.values import digest_of

_ACTOR = "fluxion"
_CONTACT = "contact"


@dataclass(frozen=True)
class SeedResult:
    """Where the tenant's rows are, and whether anything had to be written.

    database_path: relative to the tenants' folder. content_digest: SHA-256 in hex of the configuration as stored.
    created: the database is new. changed: something was written, be it a new database.
    """

    database_path: str
    content_digest: str
    schema_version: int
    changed: bool
    created: bool


@dataclass(frozen=True)
class Configuration:
    """The part of a tenant's item that its site shows and obeys."""

    name: str
    tier: str
    contact_email: str | None
    settings: Mapping[str, str]
    """Each value as JSON, as the table keeps it."""

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> "Configuration":
        """From a spec {name, tier, contact_email, settings}; what is missing or None has its plain default."""
        settings = spec.get("settings") or {}
        return cls(
            name=spec["name"],
            tier=spec.get("tier") or "standard",
            contact_email=spec.get("contact_email") or None,
            settings={str(key): _as_json(value) for key, value in settings.items()},
        )

    @classmethod
    def stored(cls, connection: duckdb.DuckDBPyConnection, tenant_id: str) -> "Configuration | None":
        """From the tenant's database, or None if it has no row for the tenant."""
        row = connection.execute(
            "SELECT name, tier, contact_email FROM tenants WHERE tenant_id = ?", [tenant_id]
        ).fetchone()
        if row is None:
            return None
        settings = connection.execute("SELECT key, value FROM settings WHERE tenant_id = ?", [tenant_id]).fetchall()
        return cls(name=row[0], tier=row[1], contact_email=row[2], settings=dict(settings))

    @property
    def digest(self) -> str:
        return digest_of(
            {
                "name": self.name,
                "tier": self.tier,
                "contact_email": self.contact_email,
                "settings": {key: json.loads(value) for key, value in self.settings.items()},
            }
        )


class TenantSeeder:
    """Creates tenants' databases and keeps their configuration rows as the items say.

    directory: all tenants' folder, which must exist. scratch: local disk for building, made if need be.
    """

    def __init__(
        self,
        directory: Path,
        scratch: Path,
        *,
        databases: TenantDatabases | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        # Nothing stays open after a seed: the environment may be frozen right then, lock and all.
        self._databases = databases or TenantDatabases(directory, idle_after=0)
        self._scratch = scratch
        self._now = now

    def seed(self, spec: Mapping[str, Any], generation: int) -> SeedResult:
        """Makes the database say what the spec says; writes nothing, nowhere, if it does already.

        spec: {tenant_id, name, tier, contact_email, settings}. generation: goes into the audit log.
        Raises TenantDatabaseBusy, TenantDatabaseMissing (there was one, and it is gone), StaleWriteAheadLog,
        StorageFull, StorageUnavailable, InvalidTenantItem.
        """
        tenant_id = spec["tenant_id"]
        seeding = self.rows_of(spec, generation)
        with named_failures(f"seed the database of '{tenant_id}'"):
            try:
                result = self._unchanged(seeding)
            except TenantDatabaseMissing:
                result = self._create(seeding)
            result = result or self._update(seeding)
            if not result.created:
                self._tidy(tenant_id)
            return result

    def rows_of(self, spec: Mapping[str, Any], generation: int) -> "Seeding":
        """The rows that a spec asks for, as of now."""
        now = self._now().astimezone(UTC).replace(tzinfo=None)
        return Seeding(spec["tenant_id"], Configuration.of(spec), generation, now)

    def found(self, tenant_id: str) -> str | None:
        """A database that lies in the tenant's folder, whether the pointer names it or not; None if there is none."""
        folder = TenantFolder.of(self._databases.directory, tenant_id)
        names = folder.databases() if folder.path.is_dir() else []
        return folder.relative(folder.file(names[0])) if names else None

    def discard(self, tenant_id: str) -> None:
        """Removes what was published for a tenant that was never live. Nothing there is success.

        Raises TenantDatabaseBusy, StorageUnavailable, InvalidTenantItem.
        """
        if TenantFolder.of(self._databases.directory, tenant_id).path.is_dir():
            with (
                named_failures(f"discard the database of '{tenant_id}'"),
                self._databases.hold(tenant_id, create=True) as folder,
            ):
                publish.discard(folder)

    def _tidy(self, tenant_id: str) -> None:
        """Removes what an earlier run left that was killed at its very end. Looks without the lock first: a run that
        finds nothing must change nothing, and what it sees may be another one's work in progress.
        """
        if TenantFolder.of(self._databases.directory, tenant_id).partials():
            with self._databases.hold(tenant_id) as folder:
                publish.clean(folder)

    def _unchanged(self, seeding: "Seeding") -> SeedResult | None:
        """A look through the door in read mode: most seeds end here."""
        with self._databases.open(seeding.tenant_id, "read") as connection:
            if Configuration.stored(connection, seeding.tenant_id) == seeding.wanted:
                return seeding.result(connection, changed=False)
        return None

    def _create(self, seeding: "Seeding") -> SeedResult | None:
        """Publishes the tenant's first database. None if another process was faster."""
        with (
            publish.built(self._scratch, seeding.fill) as database,
            self._databases.hold(seeding.tenant_id, create=True) as folder,
        ):
            if publish.clean(folder) is not None:
                return None
            published = publish.publish(folder, database)
        return SeedResult(
            database_path=folder.relative(published),
            content_digest=seeding.wanted.digest,
            schema_version=schema_versions.latest_version(),
            changed=True,
            created=True,
        )

    def _update(self, seeding: "Seeding") -> SeedResult:
        with self._databases.open(seeding.tenant_id, "write") as connection:
            changed = seeding.update(connection)
            return seeding.result(connection, changed=changed)


@dataclass(frozen=True)
class Seeding:
    """The rows of one seed. ``now`` has no time zone and means UTC, like every time in the database."""

    tenant_id: str
    wanted: Configuration
    generation: int
    now: datetime

    def fill(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Schema, configuration and sample catalogue, in an empty database."""
        schema_versions.apply(connection, self.tenant_id, self.now)
        self.insert(connection)

    def insert(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Configuration and sample catalogue, into tables that have no row of the tenant."""
        self._write_configuration(connection)
        catalogue = files("tenancy.database").joinpath("sample_catalogue.sql").read_text("utf-8")
        connection.execute(catalogue, {"tenant_id": self.tenant_id, "now": self.now})
        self._log(connection, "tenant.seeded", before=None)

    def update(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Configuration rows of an existing database, in one transaction. Returns whether any differed."""
        with transaction(connection):
            # Again, now that nobody else can write: another run may have been here since.
            return self.configure(connection)

    def configure(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Configuration rows, inside the caller's transaction. Returns whether any differed."""
        stored = Configuration.stored(connection, self.tenant_id)
        if stored == self.wanted:
            return False
        self._write_configuration(connection)
        self._log(connection, "tenant.configured", before=stored.digest if stored else None)
        return True

    def result(self, connection: duckdb.DuckDBPyConnection, *, changed: bool) -> SeedResult:
        return SeedResult(
            database_path=f"{self.tenant_id}/{file_name(connection)}",
            content_digest=self.wanted.digest,
            schema_version=schema_versions.version_of(connection, self.tenant_id),
            changed=changed,
            created=False,
        )

    def _write_configuration(self, connection: duckdb.DuckDBPyConnection) -> None:
        wanted, tenant_id, now = self.wanted, self.tenant_id, self.now
        connection.execute(
            "INSERT INTO tenants (tenant_id, name, tier, contact_email, created_at, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_id) DO UPDATE SET name = excluded.name,"
            " tier = excluded.tier, contact_email = excluded.contact_email, updated_at = excluded.updated_at",
            [tenant_id, wanted.name, wanted.tier, wanted.contact_email, now, now],
        )
        connection.execute(
            "DELETE FROM settings WHERE tenant_id = ? AND NOT list_contains(?, key)", [tenant_id, list(wanted.settings)]
        )
        if wanted.settings:
            connection.execute(
                "INSERT INTO settings (tenant_id, key, value, updated_at) SELECT ?, unnest(?), unnest(?), ?"
                " ON CONFLICT (tenant_id, key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"
                " WHERE settings.value <> excluded.value",
                [tenant_id, list(wanted.settings), list(wanted.settings.values()), now],
            )
        self._write_contact(connection)

    def _write_contact(self, connection: duckdb.DuckDBPyConnection) -> None:
        """The tenant's contact is its first administrator. Users that the tenant added itself are its own."""
        if self.wanted.contact_email is None:
            connection.execute("DELETE FROM users WHERE tenant_id = ? AND user_id = ?", [self.tenant_id, _CONTACT])
            return
        connection.execute(
            "INSERT INTO users (tenant_id, user_id, email, role, created_at, updated_at)"
            " VALUES (?, ?, ?, 'admin', ?, ?) ON CONFLICT (tenant_id, user_id)"
            " DO UPDATE SET email = excluded.email, updated_at = excluded.updated_at",
            [self.tenant_id, _CONTACT, self.wanted.contact_email, self.now, self.now],
        )

    def _log(self, connection: duckdb.DuckDBPyConnection, action: str, before: str | None) -> None:
        """Digests instead of values: the log outlives a contact who asked to be forgotten."""
        detail = {"generation": self.generation, "before": before, "after": self.wanted.digest}
        connection.execute(
            "INSERT INTO audit_log (tenant_id, entry_id, occurred_at, actor, action, detail) VALUES (?, ?, ?, ?, ?, ?)",
            [self.tenant_id, secrets.token_hex(16), self.now, _ACTOR, action, _as_json(detail)],
        )


def _as_json(value: Any) -> str:
    """JSON in one spelling: sorted keys, and the same number as the same text whatever type it came in."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Decimal | float) and value == int(value):
        return int(value)
    return float(value) if isinstance(value, Decimal) else value
