"""A tenant's configuration is the part of its item that its database holds as rows."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb

from tenancy.domain.values import digest_of

_ACTOR = "fluxion"
_CONTACT = "contact"


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
        """Read a spec {name, tier, contact_email, settings}; what is missing or None has its plain default."""
        settings = spec.get("settings") or {}
        return cls(
            name=spec["name"],
            tier=spec.get("tier") or "standard",
            contact_email=spec.get("contact_email") or None,
            settings={str(key): _as_json(value) for key, value in settings.items()},
        )

    @classmethod
    def stored(cls, connection: duckdb.DuckDBPyConnection, tenant_id: str) -> "Configuration | None":
        """Read the tenant's database. Returns None if it has no row for the tenant."""
        row = connection.execute(
            "SELECT name, tier, contact_email FROM tenants WHERE tenant_id = ?", [tenant_id]
        ).fetchone()
        if row is None:
            return None
        settings = connection.execute("SELECT key, value FROM settings WHERE tenant_id = ?", [tenant_id]).fetchall()
        return cls(name=row[0], tier=row[1], contact_email=row[2], settings=dict(settings))

    @property
    def digest(self) -> str:
        """Return the SHA-256 in hex of all of it."""
        return digest_of(
            {
                "name": self.name,
                "tier": self.tier,
                "contact_email": self.contact_email,
                "settings": {key: json.loads(value) for key, value in self.settings.items()},
            }
        )


@dataclass(frozen=True)
class ConfigurationRows:
    """The rows that an item asks for. ``now`` has no time zone and means UTC, like every time in the database."""

    tenant_id: str
    wanted: Configuration
    generation: int
    now: datetime

    def insert(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Write the rows of a tenant that has none yet, inside the caller's transaction."""
        self._write(connection)
        self._log(connection, "tenant.seeded", before=None)

    def update(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Write the rows if they differ, inside the caller's transaction. Returns whether they did."""
        stored = Configuration.stored(connection, self.tenant_id)
        if stored == self.wanted:
            return False
        self._write(connection)
        self._log(connection, "tenant.configured", before=stored.digest if stored else None)
        return True

    def _write(self, connection: duckdb.DuckDBPyConnection) -> None:
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
        """Make the contact the first administrator; users that the tenant added itself stay as they are."""
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
        """Log digests instead of values: the log outlives a contact who asked to be forgotten."""
        detail = {"generation": self.generation, "before": before, "after": self.wanted.digest}
        connection.execute(
            "INSERT INTO audit_log (tenant_id, entry_id, occurred_at, actor, action, detail) VALUES (?, ?, ?, ?, ?, ?)",
            [self.tenant_id, secrets.token_hex(16), self.now, _ACTOR, action, _as_json(detail)],
        )


def _as_json(value: Any) -> str:
    """Return JSON in one spelling: sorted keys, and a number as the same text whatever type it came in."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, Decimal | float) and value == int(value):
        return int(value)
    return float(value) if isinstance(value, Decimal) else value
