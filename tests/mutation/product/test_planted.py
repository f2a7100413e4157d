"""The planted bugs are where they say they are, and are noticed by the test that they name.

All of them: ``make planted``. Here as many as take a minute, chosen by a seed that is printed with what went wrong:
``PLANTED_SEED=7 make test ARGS="-k planted"``.
"""

import os
import random
import secrets

import pytest

from tests.mutation.product.plants import PLANTS, Change, Plant
from tests.mutation.product.trials import ROOT, Misplaced, all_tried, planted

SAMPLE = 20
COPIES = 2


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.mistake)
def test_what_is_planted_is_found_exactly_once(plant: Plant) -> None:
    texts: dict[str, str] = {}
    for change in plant.changes:
        before = texts.setdefault(change.path, (ROOT / change.path).read_text())
        texts[change.path] = planted(before, change)
        assert texts[change.path] != before


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.mistake)
def test_the_test_that_notices_it_exists(plant: Plant) -> None:
    path, name, *_ = plant.caught_by.split("::")

    assert f"def {name.partition('[')[0]}(" in (ROOT / "tests" / path).read_text()


@pytest.mark.parametrize(("text", "state"), [("a b", ""), ("", ""), ('{"States": {"One": {"c": 1}}}', "Three")])
def test_a_planted_bug_whose_place_has_moved_is_an_error(text: str, state: str) -> None:
    with pytest.raises(Misplaced):
        planted(text, Change("x", "c", "d", state))


@pytest.mark.slow
def test_every_planted_bug_is_caught_by_the_test_that_it_names() -> None:
    seed = int(os.environ.get("PLANTED_SEED") or secrets.randbelow(10**6))
    chosen = random.Random(seed).sample(PLANTS, SAMPLE)  # noqa: S311 - reproducible on purpose

    survived = [trial for trial in all_tried(chosen, COPIES) if not trial.is_caught]

    told = "\n".join(f"{trial.plant.mistake}:\n{trial.said[-2000:]}" for trial in survived)
    assert not survived, f"PLANTED_SEED={seed}\n{told}"
