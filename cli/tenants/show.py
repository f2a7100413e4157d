"""Give `fluxion tenants show`, which shows everything about one tenant."""

import json
from typing import Any

from cli import display
from cli.options import StackOptions, TenantId

_EVENTS_SHOWN = 20


def command(
    options: StackOptions,
    tenant_id: TenantId,
) -> None:
    """Show one tenant: what was asked for, what is, its effects on shared systems, its latest events."""
    from cli.items import require_known

    session = options.session
    require_known(session, tenant_id)
    item, record = session.tables.item(tenant_id), session.tables.record(tenant_id)
    values = item.values if item else None
    effects = session.tables.below(tenant_id, "EFFECT#", 100)[::-1]
    events = session.tables.below(tenant_id, "EVENT#", _EVENTS_SHOWN)[::-1]
    if options.as_json:
        with_details = [{**event, "detail": json.loads(event["detail"])} for event in events]
        display.document({"item": values, "record": record, "effects": effects, "events": with_details})
        return
    display.fields("Asked for (tenants)", values or {"": "no item: nobody asks for this tenant any more"})
    display.fields("What is (provisioning)", record or {"": "not seen yet"})
    _show_effects(effects)
    if events:
        display.line(f"Events (the last {len(events)})")
        display.table(("at", "event", "event id"), ([e["occurred_at"], e["type"], e.get("event_id")] for e in events))


def _show_effects(effects: list[dict[str, Any]]) -> None:
    if not effects:
        return
    display.line("Effects on shared systems")
    keys = ("state", "generation", "attempt", "target")
    rows = ([effect["sk"].removeprefix("EFFECT#"), *map(effect.get, keys)] for effect in effects)
    display.table(("system", *keys), rows)
