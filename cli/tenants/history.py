"""Give `fluxion tenants history`, which tells from a tenant's events who asked for what, and what came of it."""

from typing import Annotated, Any

import typer

from cli import display
from cli.options import StackOptions, TenantId

_SHOWN = {"at", "run", "event", "event_id", "requested_by", "changed", "code", "message"}


def command(
    options: StackOptions,
    tenant_id: TenantId,
    limit: Annotated[int | None, typer.Option(min=1, help="Show only this many events, the newest.")] = None,
) -> None:
    """Show a tenant's audit trail, oldest first: when, which run, what, who asked, what changed. Kept for 30 days."""
    from cli.items import require_known
    from control.history import history

    session = options.session
    found = session.tables.below(tenant_id, "EVENT#")
    if not found:
        require_known(session, tenant_id)
    rows = [entry.model_dump(include=_SHOWN) for entry in history(found)[:limit][::-1]]
    if options.as_json:
        display.document(rows)
        return
    display.table(
        ("when", "run", "event", "who asked", "what"),
        ([row["at"], row["run"], row["event"], row["requested_by"], _what(row)] for row in rows),
    )


def _what(row: dict[str, Any]) -> str:
    if row["code"]:
        return f"{row['code']}: {row['message']}"
    shown = (
        (key, *("none" if each[side] is None else each[side] for side in ("before", "after")))
        for key, each in row["changed"].items()
    )
    return ", ".join(f"{key}: {before} → {after}" for key, before, after in shown)
