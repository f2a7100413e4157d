"""A run is told as its stages, to the operator's command and the panel. Values in, values out."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tenancy.domain.events import TYPES
from tenancy.domain.record import OperationState

ENDED = frozenset({OperationState.SUCCEEDED, OperationState.FAILED, OperationState.STALLED, OperationState.HELD})
"""States of an operation in which nothing goes on."""

_GONE_WRONG = ("Failed", "Stalled")  # how the types of events end that say so


@dataclass(frozen=True)
class Stage:
    """One state of a run. event: the type of the event that it ended with, None while it runs.

    since, until: ISO 8601 moments, until None while it runs; they may come from two clocks.
    """

    name: str
    event: str | None
    since: str
    until: str | None

    @property
    def has_failed(self) -> bool:
        """Return whether the run ended with it, and not well."""
        return bool(self.event) and str(self.event).endswith(_GONE_WRONG)


def stages(
    record: Mapping[str, Any], events: Iterable[Mapping[str, Any]], since: str | None = None
) -> tuple[Stage, ...]:
    """Return the stages of the tenant's current run, each once, as they ended; the one that runs comes last.

    record: the tenant record.
    events: EVENT# items of the tenant, any runs, in any order: their keys order them by type, which is not how a
        removal goes. What is filed beside a run (drift, migrations, exports) is none of its stages. A failure is told
        last, behind what was undone before it was recorded.
    since: when the first stage began. Without it when the operation did, which is that stage's own end.
    """
    operation = record["operation"]
    if operation["state"] == OperationState.HELD:
        return ()  # it waits, and has done nothing: what is on record is of the run before
    since, done = since or operation["started_at"], list[Stage]()
    for stage in _ended(record, events, since):
        if done and done[-1].name == stage.name:
            done[-1] = replace(stage, since=done[-1].since)  # the end of a removal is told by two events
        else:
            done.append(stage)
    if operation["state"] not in ENDED and operation["stage"] not in {stage.name for stage in done}:
        done.append(Stage(operation["stage"], None, done[-1].until or since if done else since, None))
    return tuple(done)


def _ended(record: Mapping[str, Any], events: Iterable[Mapping[str, Any]], since: str) -> Iterator[Stage]:
    own = list[tuple[bool, str, int, Stage]]()
    for event in events:
        data, fact = json.loads(event["detail"])["data"], TYPES[event["type"]]
        if data.get("attempt") == record.get("attempt") and not fact.beside_runs:
            stage = Stage(data["stage"], event["type"], since, event["occurred_at"])
            own.append((stage.has_failed, event["occurred_at"], fact.order, stage))
    for *_, stage in sorted(own, key=lambda each: each[:3]):
        yield replace(stage, since=since)
        since = stage.until or since
