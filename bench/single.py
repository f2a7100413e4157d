"""Measure how long one tenant takes from PutItem to ACTIVE, cold and warm, and how much of that group commit adds.

The tenants come one after the other, each alone on the stack: so every line of the trace meanwhile is about this one.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

from bench.stacks import own_stack
from cli.progress import follow
from cli.session import Session, Where
from control.stacks import MAIN
from control.tables import ControlPlane
from local.stack.settings import INSYNC_SECONDS

TITLE = (
    f"single: seconds from PutItem to ACTIVE; propagation is {INSYNC_SECONDS} s until DNS is in sync "
    "(warm, median: ≤ 1.5 s beyond it, of which group commit adds ≤ 0.5 s)"
)
WARM = 11
SMALL = {"WARM": 1}
BOUND_BEYOND_SECONDS, BOUND_ADDED_SECONDS = 1.5, 0.5
_PATIENCE_SECONDS = 120.0
# Whatever a function of a stage does. Who starts executions and who publishes events work beside the stages.
_STAGE_ROLES = ("CdnAliases", "DnsRecords", "EdgeCache", "TenantDatabase", "TenantProbe", "TenantRecord")


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield one row for the first tenant of a new stack, whose functions all start, one for each other, the median."""
    with own_stack() as stack:
        say("starting a stack")
        stack.up()
        control_plane = Session(Where(stack.env, "the benchmark's stack"), MAIN).tables
        warm: list[dict[str, Any]] = []
        for number in range(WARM + 1):
            say(f"tenant {number + 1} of {WARM + 1}")
            began = time.time()
            row = _row(*_onboard(control_plane, f"bench-{number}"))
            time.sleep(1.0)  # the events of this one are on their way, and the last lines of the trace
            if number:
                added = _added_by_group_commit(_calls(stack.state_dir / "trace.jsonl", began))
                warm.append({"start": "warm", "tenant": number + 1, **row, "group_commit_adds": added})
            yield warm[-1] if number else {"start": "cold", "tenant": 1, **row, "group_commit_adds": None}
        middle = {name: round(median(row[name] for row in warm), 2) for name in warm[0] if name != "start"}
        in_bound = middle["beyond"] <= BOUND_BEYOND_SECONDS and middle["group_commit_adds"] <= BOUND_ADDED_SECONDS
        yield {**middle, "start": "warm, median", "tenant": None, "in_bound": in_bound}


def _row(seconds: float, stages: Mapping[str, float]) -> dict[str, Any]:
    return {
        "seconds": round(seconds, 2),
        "propagation": INSYNC_SECONDS,
        "beyond": round(seconds - INSYNC_SECONDS, 2),
        **{name: round(took, 2) for name, took in stages.items()},
    }


def _onboard(control_plane: ControlPlane, tenant_id: str) -> tuple[float, Mapping[str, float]]:
    """Return (seconds to ACTIVE, seconds by stage). Raises RuntimeError if it ends otherwise."""
    asked_at, began = datetime.now(UTC).isoformat(), time.monotonic()
    control_plane.add({"tenant_id": tenant_id, "name": f"Mercado {tenant_id}"})
    stages: dict[str, float] = {}
    record: Mapping[str, Any] = {}
    for progress in follow(control_plane, tenant_id, asked_at=asked_at, timeout=_PATIENCE_SECONDS, pause=0.02):
        record = progress.record or {}
        stages = {stage.name: stage.seconds for stage in progress.stages if stage.seconds is not None}
    total = time.monotonic() - began
    if record.get("status") != "ACTIVE":
        raise RuntimeError(f"{tenant_id} is {record.get('status')}: {record.get('last_error')}")
    return total, stages


@dataclass(frozen=True)
class Call:
    """A line of the trace. ``began``, ``ended``: seconds since 1970; ``by_states``: a state machine called."""

    principal: str
    service: str
    operation: str
    by_states: bool
    began: float
    ended: float


def _calls(trace: Path, since: float) -> list[Call]:
    """Return what was called since a moment, in the order in which the calls began."""
    found = []
    for line in map(json.loads, trace.read_text().splitlines()):
        ended = datetime.fromisoformat(line["at"]).timestamp()  # a line is written when the call is over
        began = ended - line.get("ms", 0.0) / 1000
        if began >= since:
            found.append(
                Call(line["principal"], line["service"], line["operation"], line.get("via") == "states", began, ended)
            )
    return sorted(found, key=lambda call: call.began)


def _added_by_group_commit(calls: Sequence[Call]) -> float:
    """Return the seconds that one tenant's way to its three writers and back takes beyond three direct ways.

    The way is all of a stage but the time from its function's first call to its last; the answer to the token is on
    the way back. A direct way is the mean one of the stages whose function the state machine itself invokes; the last
    two are left out, since the probe comes more than once, and nothing that could be seen follows the activation.
    """
    states = [call for call in calls if call.by_states]
    through_table, direct = [], []
    for this, following in pairwise(states):
        work = [
            call
            for call in calls
            if this.began <= call.began < following.began
            and not call.by_states
            and call.service != "states"
            and any(f"-{role}Role-" in call.principal for role in _STAGE_ROLES)
        ]
        way = following.began - this.began - (work[-1].ended - work[0].began)
        if this.operation == "PutItem":
            through_table.append(way)
        elif any("TenantProbe" not in call.principal for call in work):
            direct.append(way)
    if (len(through_table), len(direct)) != (3, 2):
        raise RuntimeError(f"the trace shows {len(through_table)} writers and {len(direct)} direct stages, not 3 and 2")
    return round(sum(through_table) - len(through_table) * mean(direct), 2)
