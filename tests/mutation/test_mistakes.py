"""The mistakes in the product's code, planted ones and those of the wrong products: all can still be made."""

import json
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from tests.mutation.code import Change, Misplaced, all_applied, code
from tests.mutation.emulator.mutants import MUTANTS
from tests.mutation.emulator.product import InLayer, InMachine
from tests.mutation.product.plants import PLANTS, Plant
from tests.mutation.product.trials import ROOT, noticing_test, planted

PACKAGE = ROOT / "layers" / "tenancy" / "tenancy"


def _mistakes() -> Iterator[tuple[str, tuple[Change, ...]]]:
    for plant in PLANTS:
        yield plant.mistake, tuple(change for change in plant.changes if isinstance(change, Change))
    for mutant in MUTANTS:
        for mistake in mutant.mistakes:
            if isinstance(mistake, InLayer):
                yield mutant.name, mistake.changes


@pytest.fixture(scope="module")
def package() -> dict[str, str]:
    return {str(path): path.read_text() for path in PACKAGE.rglob("*.py")}


@pytest.mark.parametrize("changes", [pytest.param(changes, id=name) for name, changes in _mistakes() if changes])
def test_the_code_that_a_mistake_changes_is_there_once(changes: tuple[Change, ...], package: dict[str, str]) -> None:
    changed = all_applied(changes, package)

    assert all(text != package[path] for path, text in changed.items())


def test_no_mistake_is_one_of_names_that_do_not_exist(package: dict[str, str], tmp_path: Path) -> None:
    for name, changes in _mistakes():
        for path, text in all_applied(changes, package).items():
            folder = tmp_path / name.replace("/", "-")
            folder.mkdir(exist_ok=True)
            (folder / Path(path).name).write_text(text)

    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=E9,F821", "--target-version=py313", tmp_path]
    found = subprocess.run(ruff, capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stdout


def test_what_a_mistake_changes_in_the_state_machine_is_there() -> None:
    right = json.loads((ROOT / "statemachine" / "onboard_tenant.asl.json").read_text())
    spoiling = [mistake.spoil for mutant in MUTANTS for mistake in mutant.mistakes if isinstance(mistake, InMachine)]

    for spoil in spoiling:
        wrong = deepcopy(right)
        spoil(wrong)
        assert wrong != right, spoil
    for plant in PLANTS:
        assert all(text != path.read_text() for path, text in planted(plant).items()), plant.mistake


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.mistake)
def test_the_test_that_notices_a_planted_bug_exists(plant: Plant) -> None:
    assert noticing_test(plant)


def test_a_mistake_is_found_by_the_code_wherever_it_stands() -> None:
    change = code("$RECORD.lease is None", "False", "Writer.look_up")
    module = "class {}:\n    def look_up(self, {}):\n        return {}.lease is None or (\n            1)\n"

    path, text = change.apply(
        {"other.py": module.format("Reader", "x", "x"), "a/moved.py": module.format("Writer", "r", "r")}
    )

    assert (path, text.count("False"), text.count("lease")) == ("a/moved.py", 1, 0)


@pytest.mark.parametrize("package_of", [{}, {"a.py": "f(1)\n", "b.py": "f(2)\n"}])
def test_a_mistake_whose_place_has_moved_is_an_error(package_of: dict[str, str]) -> None:
    with pytest.raises(Misplaced):
        code("f($X)", "g($X)").apply(package_of)
