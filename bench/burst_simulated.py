"""Simulate a burst of N tenants in virtual time, under AWS's quotas: the product's writers, and one call a tenant.

See bench/simulation for what is the product's own code there and what is a model, and docs/scale.md for the results.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, get_args

from bench import costs, plot, usage
from bench.limits import Mode, t_star
from bench.simulation.burst import Burst, Case, Design, Outcome
from local_aws.quotas import SAAS_DISTRIBUTION_TENANTS

TITLE = (
    "burst_simulated: N tenants at once under AWS's quotas, in virtual time, against the least that they allow (t_star)"
)
SIZES = (1, 100, 1_000, 10_000, 100_000)
UPDATES = (0.04, 0.2, 1.0)  # UpdateDistribution a second: not published
CREATIONS = (1.0, 10.0)  # CreateDistributionTenant a second: not published
SMALL = {"SIZES": (1, 20), "UPDATES": (0.2,), "CREATIONS": (10.0,)}
MOST_ONE_CALL = 10_000
"""Beyond, a call a tenant is not simulated: each update carries every alias, so 100,000 of them are 10^10 names."""


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield one row for a size, mode, design and rate; then draw the plot from them."""
    counted = usage.count(say)
    made: list[dict[str, Any]] = []
    # Each in a process of its own: they have nothing in common, and are slow enough to be worth one.
    with ProcessPoolExecutor(mp_context=get_context("spawn"), max_workers=os.cpu_count()) as pool:
        every = list(cases())
        for case, outcome in zip(every, pool.map(simulate, every), strict=True):
            say(f"{case.tenants:,} tenants, {case.mode}, {case.design}")
            one_call = next((row["makespan_s"] for row in made if _is_rival(row, case)), None)
            made.append(row(case, outcome, counted, one_call))
    plot.draw(made)
    yield from made


def simulate(case: Case) -> Outcome:
    """Simulate one burst, wherever that is called."""
    return Burst(case).run()


def cases() -> Iterator[Case]:
    """Yield all cases; a call a tenant first, so that the other design can be compared with it."""
    modes: tuple[Mode, ...] = get_args(Mode.__value__)
    designs: tuple[Design, ...] = ("one_call", "group_commit")
    for tenants in SIZES:
        for mode in modes:
            for design in designs:
                if design == "one_call" and tenants > MOST_ONE_CALL:
                    continue
                for u in UPDATES if mode == "alias" else UPDATES[:1]:
                    for rho in CREATIONS if mode == "distribution-tenant" else CREATIONS[:1]:
                        yield Case(tenants, mode, design, u, rho)


def row(case: Case, outcome: Outcome, counted: usage.Counted, one_call: float | None) -> dict[str, Any]:
    """Return one line of the table. A rate that the mode does not depend on is empty.

    outlasts: no state ran into its TimeoutSeconds, and no request came more often than its stream delivers it. Where
              it is False the makespan is what it would be if they did not give up.
    throttles: calls that AWS refused because the product was too fast, busy zones included.
    """
    limit = t_star(case.tenants, case.mode, case.u, case.rho)
    without, with_invalidations = costs.dollars(case.tenants, outcome, counted)
    return {
        "tenants": case.tenants,
        "mode": case.mode,
        "design": case.design,
        "u": case.u if case.mode == "alias" else None,
        "rho": case.rho if case.mode == "distribution-tenant" else None,
        "makespan_s": round(outcome.makespan, 1),
        "t_star_s": round(limit, 1),
        "ratio": round(outcome.makespan / limit, 3),
        "speedup": round(one_call / outcome.makespan, 1) if one_call else None,
        "aws_calls_per_tenant": round(outcome.aws_calls / case.tenants, 4),
        "throttles": sum(outcome.refused.values()),
        "outlasts": outcome.outlasts,
        "longest_wait_s": round(max(figures.longest_wait for figures in outcome.writers.values()), 1),
        "transitions_per_tenant": round(outcome.usage.transitions / case.tenants, 1),
        "functions_at_once": round(outcome.functions_peak),
        "dollars_per_tenant": round(without, 6),
        "dollars_with_invalidations": round(with_invalidations, 6),
        "raised_quotas": raised(case, outcome),
    }


def raised(case: Case, outcome: Outcome) -> str:
    """Return the quotas that AWS has to raise for so many tenants."""
    found = [f"{quota['name']} {quota['default']:,} → {quota['now']:,}" for quota in case.quotas().raised()]
    if case.mode == "distribution-tenant" and case.tenants > SAAS_DISTRIBUTION_TENANTS:
        found.append(f"distribution tenants {SAAS_DISTRIBUTION_TENANTS:,} → {case.tenants:,}")
    if outcome.functions_peak > case.quotas().concurrent_executions:
        found.append(f"concurrent_executions {case.quotas().concurrent_executions:,} → {outcome.functions_peak:,.0f}")
    return ", ".join(found)


def _is_rival(row: dict[str, Any], case: Case) -> bool:
    same = (row["tenants"], row["mode"]) == (case.tenants, case.mode)
    rates = row["u"] in (None, case.u) and row["rho"] in (None, case.rho)
    return same and rates and row["design"] == "one_call" and case.design == "group_commit"
