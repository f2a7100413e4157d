"""How long one tenant takes from PutItem to ACTIVE, cold and warm, beyond the propagation that is configured."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from bench.stacks import own_stack
from cli.aws import ControlPlane, Where
from cli.progress import follow
from local.stack.stack import INSYNC_SECONDS, MAIN

TITLE = f"single: seconds from PutItem to ACTIVE; propagation is {INSYNC_SECONDS} s until DNS is in sync"
WARM = 5
_PATIENCE_SECONDS = 120.0


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """One row for the first tenant of a new stack, whose functions all start, and one for each that follows."""
    with own_stack() as stack:
        say("starting a stack")
        stack.up()
        control_plane = ControlPlane(Where(stack.env, "the benchmark's stack"), MAIN)
        for number in range(WARM + 1):
            say(f"tenant {number + 1} of {WARM + 1}")
            total, stages = _onboard(control_plane, f"bench-{number}")
            yield {
                "start": "warm" if number else "cold",
                "tenant": number + 1,
                "seconds": round(total, 2),
                "propagation": INSYNC_SECONDS,
                "beyond": round(total - INSYNC_SECONDS, 2),
                **{name: round(seconds, 2) for name, seconds in stages.items()},
            }
            time.sleep(1.0)  # the events of the last one are on their way


def _onboard(control_plane: ControlPlane, tenant_id: str) -> tuple[float, Mapping[str, float]]:
    """(seconds to ACTIVE, seconds by stage). Raises RuntimeError if it ends otherwise."""
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
