"""Whatever people ask for, and whatever goes wrong meanwhile, it ends in what they asked for last.

    STATE_MACHINE_RUNS=2000 STATE_MACHINE_SEED=7 make test ARGS="-k state_machine"

`make test-all` has two hundred runs. Without a seed each run of the test takes another one. It is printed with what
went wrong; the same seed and number of runs do the same again.
"""

import os
import secrets
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.faults.state_machine import explore

RUNS = int(os.environ.get("STATE_MACHINE_RUNS", "24"))
PROCESSES = 2


@pytest.mark.slow
def test_whatever_happens_ends_in_what_was_asked_for_last() -> None:
    chance = int(os.environ.get("STATE_MACHINE_SEED") or secrets.randbelow(10**6))
    seeds = range(chance, chance + PROCESSES)
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        wrong = list(pool.map(explore, seeds, [-(-RUNS // PROCESSES)] * PROCESSES))

    assert wrong == [""] * PROCESSES, f"STATE_MACHINE_SEED={chance}\n" + "\n".join(wrong)
