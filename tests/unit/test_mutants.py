"""The wrong products are up to date: each mistake changes something that is there, and still is Python."""

import ast
from pathlib import Path

import pytest

from tests.mutation.emulator.mutants import MUTANTS
from tests.mutation.emulator.product import InLayer, replaced

LAYER = Path(__file__).resolve().parents[2] / "layers" / "tenancy" / "tenancy"
MISTAKES = [
    pytest.param(mistake, id=mutant.name)
    for mutant in MUTANTS
    for mistake in mutant.mistakes
    if isinstance(mistake, InLayer) and mistake.module
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_in_the_product_as_it_is(mistake: InLayer) -> None:
    path = LAYER / f"{mistake.module}.py"
    right = path.read_text()

    wrong = replaced(right, mistake.old, mistake.new, path.name)
    if mistake.also:
        wrong = replaced(wrong, *mistake.also, path.name)

    assert wrong != right
    ast.parse(wrong)
