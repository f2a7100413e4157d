"""Measure how long `make up` takes when everything is installed and built, step by step."""

import time
from collections.abc import Callable, Iterator
from typing import Any

from bench.stacks import own_stack
from local.stack import Step

TITLE = "up: seconds of each step of a warm start (≤ 30 s)"
STARTS = 2
SMALL = {"STARTS": 1}
BOUND_SECONDS = 30.0


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield one row a step of each start, then the sum. A first, unmeasured start fills the caches."""
    say("one start that is not measured")
    _start()
    for number in range(1, STARTS + 1):
        say(f"start {number} of {STARTS}")
        steps, total = _start()
        for step in steps:
            yield {"start": number, "step": step.name, "seconds": round(step.seconds or 0.0, 2)}
        within = total <= BOUND_SECONDS
        yield {"start": number, "step": "all", "seconds": round(total, 2), "within_bound": within}


def _start() -> tuple[list[Step], float]:
    with own_stack() as stack:
        steps: list[Step] = []
        began = time.monotonic()
        stack.up(lambda step: steps.append(step) if step.seconds else None)
        return steps, time.monotonic() - began
