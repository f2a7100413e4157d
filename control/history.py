"""Make a tenant's audit trail from its EVENT# items as plain values."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel

from control.failure import InSpanish, in_spanish


class Change(BaseModel):
    """Hold a value before and after."""

    before: Any
    after: Any


class Drifted(BaseModel):
    """Describe one thing that is, or was, not as it is on record. ``where``: the function that owns the system."""

    kind: str
    where: str
    what: str
    repair: str


class HistoryEntry(BaseModel):
    """Describe one event of the audit trail. ``es``: of a failure, what its code means. ``found``: of drift."""

    at: str
    run: str
    event: str
    event_id: str | None
    stage: str | None
    requested_by: str | None
    changed: dict[str, Change]
    code: str | None
    message: str | None
    es: InSpanish | None
    found: list[Drifted]


def history(events: Iterable[Mapping[str, Any]]) -> list[HistoryEntry]:
    """Return EVENT# items as the audit trail, newest first. Their keys order those of one run by type, not by time."""
    return sorted(map(_entry, events), key=lambda entry: entry.at, reverse=True)


def _entry(event: Mapping[str, Any]) -> HistoryEntry:
    data = json.loads(event["detail"])["data"]
    before, after = _flat(data.get("before") or {}), _flat(data.get("after") or {})
    drifted = data.get("findings") or ()
    return HistoryEntry(
        at=event["occurred_at"],
        run=f"{int(event['sk'].split('#')[1])}.{data.get('attempt')}",
        event=event["type"],
        event_id=event.get("event_id"),
        stage=data.get("stage"),
        requested_by=data.get("requested_by"),
        changed={
            key: Change(before=before.get(key), after=after.get(key))
            for key in sorted(before | after)
            if before.get(key) != after.get(key)
        },
        code=data.get("code"),
        message=data.get("message"),
        es=in_spanish(data["code"]) if data.get("code") else None,
        found=[Drifted(**{name: str(each.get(name, "")) for name in Drifted.model_fields}) for each in drifted],
    )


def _flat(values: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """Return the values with maps inside maps as ``settings.colour``."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{path}{key}.") if isinstance(value, Mapping) else {path + key: value}
    return flat
