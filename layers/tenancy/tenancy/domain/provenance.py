"""An item may say where a tenant's rows come from, if not from the sample catalogue; it is checked here."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from pydantic import ValidationInfo

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_ARCHIVE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", re.ASCII)
_SHARED_FILE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,63}\.duckdb", re.ASCII)
_TABLE = re.compile(r"[a-z][a-z0-9_]{0,62}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HOST = re.compile(r"(?:[a-z0-9-]{1,63}\.)+[a-z0-9-]{1,63}", re.ASCII)

RECORD_TYPES = ("A", "AAAA")
"""Of a tenant's host, in this order."""


def restore(value: object, info: ValidationInfo) -> object:
    """Return what is asked of a restore: {archive: folder in the bucket, asked_at: ISO 8601}. Raises ValueError."""
    asked = _map_of(value, {"archive", "asked_at"})
    archive, asked_at = asked["archive"], asked["asked_at"]
    # Absent if it is no good name: that is said already.
    tenant_id = info.data.get("tenant_id")
    folder, slash, name = archive.partition("/") if isinstance(archive, str) else ("", "", "")
    if tenant_id and folder != tenant_id:
        raise ValueError(f"archive must begin with '{tenant_id}/': a tenant gets none but its own rows back")
    if not (slash and _ARCHIVE.fullmatch(name)):
        raise ValueError("archive must be <tenant_id>/<name>, as the event DatabaseArchived names it")
    if not (isinstance(asked_at, str) and _MOMENT.fullmatch(asked_at)):
        raise ValueError("asked_at must be a moment such as 2026-11-24T12:00:00Z; another moment asks once more")
    return asked


def adopt(value: object) -> object:
    """Return what an operator has proven of a tenant that existed before: {database, tables, records, alias, target}.

    database: name of the shared file. tables: of its tables, how many rows of the tenant each has, and their hash.
    records: which of the types A and AAAA the zone has. alias: whether the distribution has the host.
    target: the distribution's domain name. Raises ValueError.
    """
    proof = _map_of(value, {"database", "tables", "records", "alias", "target"})
    if not is_shared_file(proof["database"]):
        raise ValueError("database must be the name of a shared file: letters, digits, - and _, then .duckdb; no path")
    records = proof["records"]
    if not isinstance(records, list) or records != [kind for kind in RECORD_TYPES if kind in records]:
        raise ValueError("records must be a list of A and AAAA, in this order, or empty")
    if not isinstance(proof["alias"], bool):
        raise ValueError("alias must be a boolean")  # noqa: TRY004 - pydantic expects ValueError
    if not (isinstance(proof["target"], str) and _HOST.fullmatch(proof["target"])):
        raise ValueError(
            "target must be the domain name of the distribution, in small letters, without a dot at its end"
        )
    return proof | {"tables": _tables(proof["tables"])}


def is_shared_file(name: object) -> bool:
    """Return whether a shared database may be called this: one name, which leads nowhere else."""
    return isinstance(name, str) and bool(_SHARED_FILE.fullmatch(name))


def _tables(value: object) -> dict[str, dict[str, Any]]:
    if not isinstance(value, Mapping) or not value or not all(_TABLE.fullmatch(str(name)) for name in value):
        raise ValueError("tables must be a map from names of tables to {rows, sha256}")
    tables = {}
    for name, entry in value.items():
        table = _map_of(entry, {"rows", "sha256"})
        rows, digest = table["rows"], table["sha256"]
        is_count = isinstance(rows, int | Decimal) and not isinstance(rows, bool) and rows >= 0 and rows == int(rows)
        if not (is_count and isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            raise ValueError(f"table {name}: rows must be a count, and sha256 64 hexadecimal digits")
        tables[name] = {"rows": int(rows), "sha256": digest}
    return tables


def _map_of(value: object, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping) or set(value) != keys:
        raise ValueError(f"must be a map (DynamoDB type M) with exactly: {', '.join(sorted(keys))}")
    return dict(value)
