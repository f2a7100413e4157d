"""Runs cases in several processes, and goes on to the calls that only runs with faults make."""

import os
import random
import traceback
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from tests.faults.cases import Case, Outcome, Run, Signature, discovered

_ROUNDS = 3  # of discovery: calls of runs with one fault, with two, with three
_A_TASK = 8  # cases


def one(case: Case, seed: int) -> Outcome:
    """A case's outcome, whatever happens."""
    try:
        return Run(case, seed).outcome()
    except Exception:  # noqa: BLE001 - a harness that breaks is a case that fails
        return Outcome(case, [f"harness: {traceback.format_exc(limit=-4)}"], hits=0, seen={})


def _some(cases: Sequence[Case], seed: int) -> list[Outcome]:
    return [one(case, seed) for case in cases]


def run(
    cases: Iterable[Case], seed: int, jobs: int = os.cpu_count() or 1, told: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """Each case's outcome, in order. told: called for each as soon as it is known."""
    wanted = list(cases)
    parts = [wanted[at : at + _A_TASK] for at in range(0, len(wanted), _A_TASK)]
    found: list[Outcome] = []
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for outcomes in pool.map(_some, parts, [seed] * len(parts)):
            for outcome in outcomes:
                told(outcome)
            found += outcomes
    return found


def explore(
    known: Sequence[Outcome], seed: int, jobs: int, told: Callable[[Outcome], None], grown: Callable[[int], None]
) -> list[Outcome]:
    """A second fault at every call that only runs with faults make. grown: called with how many cases that adds."""
    found: list[Outcome] = []
    for _ in range(_ROUNDS):
        more = _discovered([*known, *found])
        if not more:
            break
        grown(len(more))
        found += run(more, seed, jobs, told)
    return found


def _discovered(outcomes: Sequence[Outcome]) -> list[Case]:
    covered = _covered(outcomes)
    more: list[Case] = []
    for outcome in sorted(outcomes, key=lambda outcome: (len(outcome.case.strikes), outcome.case.strikes[0].lasts)):
        new = discovered(outcome, covered)
        covered |= {case.strikes[-1].signature for case in new}
        more += new
    return more


def _covered(outcomes: Iterable[Outcome]) -> set[Signature]:
    return {strike.signature for outcome in outcomes for strike in outcome.case.strikes}


def uncovered(outcomes: Sequence[Outcome]) -> set[Signature]:
    """Calls that some run made, and that no case struck."""
    return {signature for outcome in outcomes for signature in outcome.seen} - _covered(outcomes)


def sample(cases: Sequence[Case], size: int, seed: int) -> list[Case]:
    """A part of the cases that the seed decides, in their order."""
    chosen = random.Random(seed).sample(range(len(cases)), min(size, len(cases)))  # noqa: S311 - reproducible on purpose
    return [cases[place] for place in sorted(chosen)]
