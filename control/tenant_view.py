"""Show a tenant: values made from items of the two tables as plain values."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from control import progress
from control.failure import LastError, last_error
from control.progress import Operation

type Plain = Mapping[str, Any]


class TenantRow(BaseModel):
    """Show a tenant in a list: what was asked for, and what is."""

    tenant_id: str
    name: str | None
    tier: str | None
    desired_state: str | None
    status: str
    operation: Operation | None
    last_error: LastError | None
    host: str
    url: str
    live_since: str | None
    updated_at: str | None
    requested_by: str | None
    requested_at: str | None
    due_for: str | None
    due_at: str | None


class Effect(BaseModel):
    """Show what the control plane has begun, or done, for the tenant on one shared system."""

    system: str
    state: str
    generation: int
    attempt: int
    target: str
    at: str | None


def row(tenant_id: str, item: Plain | None, record: Plain | None, host: str, url: str) -> TenantRow:
    """Return one row. Items may be as wrong as people write them; what is no text is left out."""
    item, record = item or {}, record or {}
    spec = record.get("spec") or {}

    def asked(name: str) -> str | None:
        return _text(item.get(name)) or _text(spec.get(name))

    return TenantRow(
        tenant_id=tenant_id,
        name=asked("name"),
        tier=asked("tier"),
        desired_state=asked("desired_state") or ("active" if item else None),
        status=progress.status_of(record),
        operation=progress.operation(record),
        last_error=last_error(record),
        host=host,
        url=url,
        requested_by=_text(item.get("requested_by")),
        requested_at=_text(item.get("requested_at")),
        **{name: _text(record.get(name)) for name in ("live_since", "updated_at", "due_for", "due_at")},
    )


def is_meant(shown: TenantRow, status: str | None, search: str | None) -> bool:
    """Return whether a row is one of those that are looked for."""
    states = (shown.status, shown.operation.state if shown.operation else None)
    words = f"{shown.tenant_id}\n{shown.name or ''}".casefold()
    return (status is None or status.upper() in states) and (search is None or search.casefold() in words)


def effect(found: Plain) -> Effect:
    """Return an EFFECT# item as it is shown."""
    return Effect(
        system=str(found["sk"]).removeprefix("EFFECT#"),
        at=_text(found.get("at")),
        **{name: found[name] for name in ("state", "generation", "attempt", "target")},
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
