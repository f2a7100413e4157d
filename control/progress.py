"""Tell how far a tenant's run is: its stages with durations, from the record and EVENT# items as plain values."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel

from control.failure import LastError, last_error
from tenancy.domain import timeline
from tenancy.domain.record import OperationState

type Plain = Mapping[str, Any]

NOT_SEEN = "NOT_SEEN"
"""The status of a tenant of which the control plane has no record yet."""
NO_RUN = "none"
EVENTS_OF_A_RUN = 40
"""More than one run of any state machine has."""


class Operation(BaseModel):
    """Describe what the control plane is doing to a tenant, or did last."""

    kind: str
    state: str
    stage: str
    started_at: str


class Stage(BaseModel):
    """Describe one state of the workflow. ``seconds``: how long it took, null while it runs."""

    name: str
    event: str | None
    state: Literal["done", "running", "failed"]
    started_at: str
    seconds: float | None


class Progress(BaseModel):
    """Say how far a run is. Each one says everything."""

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


def run_of(record: Plain | None) -> str:
    """Return what tells one run of a tenant from the next."""
    if not record:
        return NO_RUN
    arn = (record.get("operation") or {}).get("execution_arn", "")
    return f"{_number(record)}.{hashlib.sha256(str(arn).encode()).hexdigest()[:8]}"


def operation(record: Plain) -> Operation | None:
    """Return a record's operation, or None."""
    found = record.get("operation")
    return Operation(**{name: str(found.get(name, "")) for name in Operation.model_fields}) if found else None


def stages(record: Plain, events: Sequence[Plain], asked_at: str | None = None) -> list[Stage]:
    """Return the stages of the tenant's current run, as `tenancy.domain.timeline` has them.

    events: EVENT# items of the tenant, any runs, in any order.
    asked_at: when somebody asked for this run, if known: its first stage is then counted from there, with the way
        through stream and start. Without it from the claim, which is that stage's own end.
    """
    return [
        Stage(
            name=stage.name,
            event=stage.event,
            state="running" if stage.until is None else "failed" if stage.has_failed else "done",
            started_at=stage.since,
            seconds=seconds_between(stage.since, stage.until) if stage.until else None,
        )
        for stage in timeline.stages(record, events, asked_at)
    ]


def progress(
    tenant_id: str, record: Plain | None, events: Sequence[Plain], url: str, after: str | None = None
) -> Progress:
    """Return how far the tenant's current run is.

    events: EVENT# items of the tenant, any runs, in any order.
    after:  `run_of` the record before the run that is meant; an older run's end is then not taken for this one's.
    """
    now = operation(record or {})
    if not record or now is None or run_of(record) == after:
        return Progress(
            tenant_id=tenant_id, status=status_of(record), run=None, kind=None, state="WAITING", stage=None, stages=[],
            started_at=None, last_error=None, ended=False, url=url,
        )  # fmt: skip
    goes_wrong = now.state in (OperationState.FAILED, OperationState.STALLED, OperationState.ROLLING_BACK)
    return Progress(
        tenant_id=tenant_id,
        status=str(record["status"]),
        run=_number(record),
        kind=now.kind,
        state=now.state,
        stage=now.stage,
        stages=stages(record, events),
        started_at=now.started_at,
        last_error=last_error(record) if goes_wrong else None,
        ended=now.state in timeline.ENDED,
        url=url,
    )


def status_of(record: Plain | None) -> str:
    """Return a record's status, or NOT_SEEN."""
    status = (record or {}).get("status")
    return status if status and isinstance(status, str) else NOT_SEEN


def seconds_between(earlier: str, later: str) -> float:
    """Return the seconds between two ISO 8601 moments, to the millisecond. Never negative: clocks may differ."""
    return round(max(0.0, (_moment(later) - _moment(earlier)).total_seconds()), 3)


def _moment(text: str) -> datetime:
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _number(record: Plain) -> str:
    return f"{record.get('generation', 0)}.{record.get('attempt', 0)}"
