"""`fluxion tenants history`: who asked for what, what came of it, from the events of a tenant."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from cli import tenants
from cli.tenants import Json, Local, Stack, TenantId, app


@app.command()
def history(
    tenant_id: TenantId,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the newest N events.")] = None,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """A tenant's audit trail, oldest first: when, which run, what, who asked, what changed. Kept for 30 days."""
    from cli import display
    from cli.errors import Refused

    control_plane = tenants.connected(stack, local)
    found = control_plane.all_below(tenant_id, "EVENT#")
    if not found and control_plane.record(tenant_id) is None and control_plane.item(tenant_id) is None:
        raise Refused(f"There is no tenant '{tenant_id}', and no item that asks for one.")
    # Keys order the events of one run by type, which is not how a removal goes.
    rows = sorted(map(_entry, found), key=lambda row: row["at"])[-(limit or 0) :]
    if as_json:
        display.document(rows)
        return
    display.table(
        ("when", "run", "event", "who asked", "what"),
        ([row["at"], row["run"], row["event"], row["requested_by"], _what(row)] for row in rows),
    )


def _entry(event: Mapping[str, Any]) -> dict[str, Any]:
    data = json.loads(event["detail"])["data"]
    generation = int(event["sk"].split("#")[1])
    before, after = _flat(data.get("before") or {}), _flat(data.get("after") or {})
    fields = [key for key in sorted(before | after) if before.get(key) != after.get(key)]
    return {
        "at": event["occurred_at"],
        "run": f"{generation}.{data.get('attempt')}",
        "event": event["type"],
        "event_id": event.get("event_id"),
        "requested_by": data.get("requested_by"),
        "changed": {key: {"before": before.get(key), "after": after.get(key)} for key in fields},
        "code": data.get("code"),
        "message": data.get("message"),
    }


def _flat(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Maps inside maps as ``settings.colour``."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{path}{key}.") if isinstance(value, Mapping) else {path + key: value}
    return flat


def _what(row: Mapping[str, Any]) -> str:
    if row["code"]:
        return f"{row['code']}: {row['message']}"
    shown = (
        (key, *("none" if each[side] is None else each[side] for side in ("before", "after")))
        for key, each in row["changed"].items()
    )
    return ", ".join(f"{key}: {before} → {after}" for key, before, after in shown)
