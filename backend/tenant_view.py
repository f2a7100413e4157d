"""A tenant as the admin panel shows it: pure, from items of the two tables as plain values."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel

from tenancy.domain import timeline
from tenancy.domain.languages import ENGLISH, SPANISH
from tenancy.domain.record import OperationState

type Plain = Mapping[str, Any]

NOT_SEEN = "NOT_SEEN"
"""The status of a tenant of which the control plane has no record yet."""
NO_RUN = "none"


class Operation(BaseModel):
    """What the control plane is doing to a tenant, or did last."""

    kind: str
    state: str
    stage: str
    started_at: str


class InSpanish(BaseModel):
    """What the code means, and what a person should do, as the mails say it."""

    cause: str
    remedy: str


class LastError(BaseModel):
    """Why the last run did not end well. ``remedy``: what a person should do. The message is English only."""

    code: str
    message: str
    stage: str
    remedy: str
    es: InSpanish


class TenantRow(BaseModel):
    """A tenant in a list: what was asked for, and what is."""

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


class Stage(BaseModel):
    """One state of the workflow. ``seconds``: how long it took, null while it runs."""

    name: str
    event: str | None
    state: Literal["done", "running", "failed"]
    started_at: str
    seconds: float | None


class Progress(BaseModel):
    """How far a run is. Each one says everything."""

    tenant_id: str
    status: str
    run: str | None
    kind: str | None
    state: str
    stage: str | None
    stages: list[Stage]
    started_at: str | None
    last_error: LastError | None
    ended: bool
    url: str


class Change(BaseModel):
    """A value before and after."""

    before: Any
    after: Any


class Drifted(BaseModel):
    """One thing that is, or was, not as it is on record. ``where``: the function that owns the system."""

    kind: str
    where: str
    what: str
    repair: str


class HistoryEntry(BaseModel):
    """One event of the audit trail. ``es``: of a failure, what its code means. ``found``: of drift."""

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


class Effect(BaseModel):
    """What the control plane has begun, or done, for the tenant on one shared system."""

    system: str
    state: str
    generation: int
    attempt: int
    target: str
    at: str | None


def row(tenant_id: str, item: Plain | None, record: Plain | None, host: str, url: str) -> TenantRow:
    """One row. Items may be as wrong as people write them; what is no text is left out."""
    item, record = item or {}, record or {}
    spec = record.get("spec") or {}

    def asked(name: str) -> str | None:
        return _text(item.get(name)) or _text(spec.get(name))

    return TenantRow(
        tenant_id=tenant_id,
        name=asked("name"),
        tier=asked("tier"),
        desired_state=asked("desired_state") or ("active" if item else None),
        status=_text(record.get("status")) or NOT_SEEN,
        operation=_operation(record),
        last_error=_last_error(record),
        host=host,
        url=url,
        requested_by=_text(item.get("requested_by")),
        requested_at=_text(item.get("requested_at")),
        **{name: _text(record.get(name)) for name in ("live_since", "updated_at", "due_for", "due_at")},
    )


def is_meant(shown: TenantRow, status: str | None, search: str | None) -> bool:
    """Whether a row is one of those that are looked for."""
    states = (shown.status, shown.operation.state if shown.operation else None)
    words = f"{shown.tenant_id}\n{shown.name or ''}".casefold()
    return (status is None or status.upper() in states) and (search is None or search.casefold() in words)


def run_of(record: Plain | None) -> str:
    """What tells one run of a tenant from the next."""
    if not record:
        return NO_RUN
    arn = (record.get("operation") or {}).get("execution_arn", "")
    return f"{_number(record)}.{hashlib.sha256(str(arn).encode()).hexdigest()[:8]}"


def progress(
    tenant_id: str, record: Plain | None, events: Sequence[Plain], url: str, after: str | None = None
) -> Progress:
    """How far the tenant's current run is.

    events: EVENT# items of the tenant, any runs, in any order.
    after:  `run_of` the record before the run that is meant; an older run's end is then not taken for this one's.
    """
    operation = _operation(record or {})
    if not record or operation is None or run_of(record) == after:
        status = _text((record or {}).get("status")) or NOT_SEEN
        return Progress(
            tenant_id=tenant_id, status=status, run=None, kind=None, state="WAITING", stage=None, stages=[],
            started_at=None, last_error=None, ended=False, url=url,
        )  # fmt: skip
    ended = operation.state in timeline.ENDED
    went_wrong = ended and operation.state in (OperationState.FAILED, OperationState.STALLED)
    return Progress(
        tenant_id=tenant_id,
        status=str(record["status"]),
        run=_number(record),
        kind=operation.kind,
        state=operation.state,
        stage=operation.stage,
        stages=_stages(record, events),
        started_at=operation.started_at,
        last_error=_last_error(record) if went_wrong or operation.state == OperationState.ROLLING_BACK else None,
        ended=ended,
        url=url,
    )


def history(events: Sequence[Plain]) -> list[HistoryEntry]:
    """EVENT# items as the audit trail, the newest first. Their keys order those of one run by type, not by time."""
    return sorted(map(history_entry, events), key=lambda entry: entry.at, reverse=True)


def history_entry(event: Plain) -> HistoryEntry:
    """An EVENT# item as a line of the audit trail."""
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
        es=_in_spanish(data["code"]) if data.get("code") else None,
        found=[Drifted(**{name: str(each.get(name, "")) for name in Drifted.model_fields}) for each in drifted],
    )


def effect(found: Plain) -> Effect:
    """An EFFECT# item."""
    return Effect(
        system=str(found["sk"]).removeprefix("EFFECT#"),
        at=_text(found.get("at")),
        **{name: found[name] for name in ("state", "generation", "attempt", "target")},
    )


def _stages(record: Plain, events: Sequence[Plain]) -> list[Stage]:
    return [
        Stage(
            name=stage.name,
            event=stage.event,
            state="running" if stage.until is None else "failed" if stage.has_failed else "done",
            started_at=stage.since,
            seconds=_seconds(stage.since, stage.until) if stage.until else None,
        )
        for stage in timeline.stages(record, events)
    ]


def _number(record: Plain) -> str:
    return f"{record.get('generation', 0)}.{record.get('attempt', 0)}"


def _operation(record: Plain) -> Operation | None:
    found = record.get("operation")
    return Operation(**{name: str(found.get(name, "")) for name in Operation.model_fields}) if found else None


def _last_error(record: Plain) -> LastError | None:
    found = record.get("last_error")
    if not found:
        return None
    code = str(found.get("code", ""))
    known = {name: str(found.get(name, "")) for name in ("message", "stage")}
    return LastError(code=code, remedy=str(found.get("remedy") or ENGLISH.remedy(code)), es=_in_spanish(code), **known)


def _in_spanish(code: str) -> InSpanish:
    return InSpanish(cause=SPANISH.message(code, ""), remedy=SPANISH.remedy(code))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _flat(values: Plain, path: str = "") -> dict[str, Any]:
    """Maps inside maps as ``settings.colour``."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        flat |= _flat(value, f"{path}{key}.") if isinstance(value, Mapping) else {path + key: value}
    return flat


def _seconds(earlier: str, later: str) -> float:
    """Never negative: the two may come from two clocks."""
    return round(max(0.0, (_moment(later) - _moment(earlier)).total_seconds()), 3)


def _moment(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
