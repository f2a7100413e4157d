"""Look at a tenant again and again until its run has ended. `make run` uses this too."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from control.progress import EVENTS_OF_A_RUN, Stage, run_of, stages
from tenancy.domain.timeline import ENDED

_ENDED_WELL = {"SUCCEEDED"}


class Source(Protocol):
    """Be asked for records and events: control.tables.ControlPlane, or a stand-in."""

    def record(self, tenant_id: str) -> dict[str, Any] | None: ...
    def below(self, tenant_id: str, prefix: str, most: int) -> list[dict[str, Any]]: ...


@dataclass(frozen=True)
class Progress:
    """Show a tenant at one moment. ``record`` is None until the control plane has seen the tenant."""

    tenant_id: str
    record: Mapping[str, Any] | None
    stages: Sequence[Stage]

    @property
    def state(self) -> str:
        """Return RUNNING, ROLLING_BACK, SUCCEEDED, FAILED, STALLED, HELD; WAITING before the first run."""
        return str(self.record["operation"]["state"]) if self.record else "WAITING"

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED

    @property
    def has_ended_well(self) -> bool:
        return self.state in _ENDED_WELL or (self.is_held_removal and not self.waits_for_confirmation)

    @property
    def is_held_removal(self) -> bool:
        """Return whether a removal waits for its time, or for a person: nothing goes on before that."""
        return self.state == "HELD" and bool(self.record) and (self.record or {})["operation"].get("kind") == "offboard"

    @property
    def waits_for_confirmation(self) -> bool:
        return self.is_held_removal and (self.record or {}).get("due_for") == "confirmation"

    @property
    def document(self) -> dict[str, Any]:
        """Return all of it, as values that JSON can say."""
        shown = [stage.model_dump(include={"name", "event", "seconds"}) for stage in self.stages]
        return {"tenant_id": self.tenant_id, "record": self.record, "stages": shown, "state": self.state}


def is_halted_by(record: Mapping[str, Any] | None, cause: str) -> bool:
    """Return whether the tenant's last run ended with this error."""
    if not record or (record.get("last_error") or {}).get("code") != cause:
        return False
    return record["operation"]["state"] in ENDED - _ENDED_WELL


def look(source: Source, tenant_id: str, asked_at: str | None = None) -> Progress:
    """Return the tenant as it is now."""
    record = source.record(tenant_id)
    if record is None:
        return Progress(tenant_id, None, ())
    return Progress(tenant_id, record, stages(record, source.below(tenant_id, "EVENT#", EVENTS_OF_A_RUN), asked_at))


def follow(
    source: Source,
    tenant_id: str,
    *,
    after: str | None = None,
    asked_at: str | None = None,
    timeout: float = 900.0,
    pause: float = 0.3,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress]:
    """Look again and again, and yield whenever something has changed; the last one has ended.

    after: `run_of` the record before the run that is meant; an older run's end is then not taken for this one's.
    asked_at: as in `control.progress.stages`.
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
