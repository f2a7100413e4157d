"""Where a tenant's rows come from, if not from the sample catalogue: what an item may ask for, as values."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationInfo

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_ARCHIVE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,99}", re.ASCII)


def restore(value: object, info: ValidationInfo) -> object:
    """What is asked of a restore: {archive: folder in the archive bucket, asked_at: ISO 8601}. Raises ValueError."""
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


def _map_of(value: object, keys: set[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping) or set(value) != keys:
        raise ValueError(f"must be a map (DynamoDB type M) with exactly: {', '.join(sorted(keys))}")
    return dict(value)
