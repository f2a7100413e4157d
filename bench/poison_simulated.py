"""Simulate one tenant of a thousand whose name somebody else has: what it costs, and whom it holds up."""

import math
from collections.abc import Callable, Iterator
from typing import Any, Literal

from bench.simulation.burst import Burst, Case, Outcome

TITLE = "poison_simulated: one tenant of 1,000 has a name that is taken (bound: 2·log2 n calls more)"
TENANTS, U = 1_000, 1.0
PLACES = (0, 1, 333, 500, 999)
SMALL = {"TENANTS": 20, "PLACES": (3,)}
# One call more: an update waits for the rate, a change for the zone's rest; then what they take. A refused change of
# 250 records and its halves, together 500, have used up tokens that come back at 100 a second.
_SECONDS = {"record": 0.5, "alias": 1 / U + 0.5}
_TOKENS_SECONDS = {"record": 5.0, "alias": 0.0}
_CALLS = {"record": "ChangeResourceRecordSets", "alias": "UpdateDistribution"}


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield one row for each place of the poison tenant, in both systems."""
    say("the same without a poison tenant")
    clean = Burst(Case(TENANTS, u=U)).run()
    for poison_in in ("record", "alias"):
        for place in PLACES:
            say(f"{poison_in} of tenant {place}")
            yield row(poison_in, place, clean)


def row(poison_in: Literal["record", "alias"], place: int, clean: Outcome) -> dict[str, Any]:
    """Return one row. delay_s: how much later the last of the others is ACTIVE than without a poison tenant.

    allowed_s: what the extra calls take, and the one that is under way when a later batch arrives.
    """
    case = Case(TENANTS, u=U, poison=place, poison_in=poison_in)
    outcome = Burst(case).run()
    operation, poison = _CALLS[poison_in], f"tenant-{place:06}"
    extra = outcome.calls[operation] - clean.calls[operation]
    others = max(moment for name, moment in outcome.finished.items() if name != poison)
    return {
        "tenants": TENANTS,
        "poison_in": poison_in,
        "place": place,
        "extra_calls": extra,
        "bound": math.floor(2 * math.log2(TENANTS)),
        "active": outcome.active,
        "failed": ", ".join(f"{number} {error}" for error, number in outcome.failed.items()),
        "makespan_s": round(others, 1),
        "without_s": round(clean.makespan, 1),
        "delay_s": round(max(0.0, others - clean.makespan), 1),
        "allowed_s": round((extra + 1) * _SECONDS[poison_in] + _TOKENS_SECONDS[poison_in], 1),
    }
