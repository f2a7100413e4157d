"""How far a tenant has come: stages with durations, from the record and the events in `provisioning`.

Pure but for `follow`, which asks again and again until the operation has ended. `make run` uses it too.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from tenancy.domain import timeline
from tenancy.domain.timeline import ENDED

__all__ = ["ENDED", "ENDED_WELL", "Progress", "Stage", "follow", "look", "run_of", "stages"]

ENDED_WELL = {"SUCCEEDED"}
_NEWEST_EVENTS = 40  # more than one run of any state machine has


class Source(Protocol):
    """What is asked: cli.aws.ControlPlane, or a stand-in."""

    def record(self, tenant_id: str) -> dict[str, Any] | None: ...
    def below(self, tenant_id: str, prefix: str, newest: int) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Stage:
    """One state of the workflow. ``seconds``: how long it took, or None while it runs."""

    name: str
    event: str | None
    seconds: float | None


@dataclass(frozen=True)
class Progress:
    """A tenant at one moment. ``record`` is None until the control plane has seen the tenant."""

    tenant_id: str
    record: Mapping[str, Any] | None
    stages: tuple[Stage, ...]

    @property
    def state(self) -> str:
        """RUNNING, ROLLING_BACK, SUCCEEDED, FAILED, STALLED, HELD; WAITING before the first run."""
        return str(self.record["operation"]["state"]) if self.record else "WAITING"

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def has_ended_well(self) -> bool:
        return self.state in ENDED_WELL or (self.is_held_removal and not self.waits_for_confirmation)

    @property
    def is_held_removal(self) -> bool:
        """Whether a removal waits for its time, or for a person: nothing goes on before that."""
        return self.state == "HELD" and bool(self.record) and (self.record or {})["operation"].get("kind") == "offboard"

    @property
    def waits_for_confirmation(self) -> bool:
        return self.is_held_removal and (self.record or {}).get("due_for") == "confirmation"


def seconds_between(earlier: str, later: str) -> float:
    """Seconds between two ISO 8601 moments, never negative: they may come from two clocks."""
    return max(0.0, (moment(later) - moment(earlier)).total_seconds())


def moment(text: str) -> datetime:
    """An ISO 8601 moment with its zone; UTC where it names none."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def stages(
    record: Mapping[str, Any], events: Sequence[Mapping[str, Any]], asked_at: str | None = None
) -> tuple[Stage, ...]:
    """The stages of the tenant's current run, as `tenancy.domain.timeline` has them.

    record: the tenant record.
    events: EVENT# items of the tenant, any runs, in any order.
    asked_at: when somebody asked for this run, if known: its first stage is then counted from there, with the way
        through stream and start. Without it from the claim, which is that stage's own end.
    """
    return tuple(
        Stage(stage.name, stage.event, seconds_between(stage.since, stage.until) if stage.until else None)
        for stage in timeline.stages(record, events, asked_at)
    )


def look(source: Source, tenant_id: str, asked_at: str | None = None) -> Progress:
    """The tenant as it is now."""
    record = source.record(tenant_id)
    if record is None:
        return Progress(tenant_id, None, ())
    return Progress(tenant_id, record, stages(record, source.below(tenant_id, "EVENT#", _NEWEST_EVENTS), asked_at))


def run_of(record: Mapping[str, Any] | None) -> tuple[Any, ...] | None:
    """What tells one run of a tenant from the next."""
    if record is None:
        return None
    return (record.get("generation"), record.get("attempt"), record["operation"]["execution_arn"])


def follow(
    source: Source,
    tenant_id: str,
    *,
    after: tuple[Any, ...] | None = None,
    asked_at: str | None = None,
    timeout: float = 900.0,
    pause: float = 0.3,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress]:
    """Look again and again, and yield whenever something has changed; the last one has ended.

    after: `run_of` the record before the run that is meant; an older run's end is then not taken for this one's.
    asked_at: as in `stages`.
    timeout, pause: seconds. Raises TimeoutError.
    """
    until = clock() + timeout
    last: Progress | None = None
    while True:
        now = look(source, tenant_id, asked_at)
        is_meant = after is None or run_of(now.record) != after
        if is_meant and now != last:
            last = now
            yield now
        if is_meant and now.has_ended:
            return
        if clock() > until:
            raise TimeoutError(f"{tenant_id} is still {now.state} after {timeout:.0f} s")
        sleep(pause)
