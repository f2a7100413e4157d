"""The planted bugs are where they say they are, and so are the tests that notice them. ``make planted`` tries them."""

import pytest

from tests.mutation.code import Misplaced, code
from tests.mutation.product.plants import PLANTS, Plant
from tests.mutation.product.trials import noticing_test, planted


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.mistake)
def test_what_is_planted_is_found_exactly_once(plant: Plant) -> None:
    changed = planted(plant)

    assert changed
    for path, text in changed.items():
        assert text != path.read_text()
        if path.suffix == ".py":
            compile(text, path, "exec")


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.mistake)
def test_the_test_that_notices_it_exists(plant: Plant) -> None:
    assert noticing_test(plant)


def test_a_planted_bug_is_found_by_the_code_wherever_it_stands() -> None:
    change = code("$RECORD.lease is None", "False", "Writer.look_up")
    module = "class {}:\n    def look_up(self, {}):\n        return {}.lease is None or (\n            1)\n"

    path, text = change.apply(
        {"other.py": module.format("Reader", "x", "x"), "a/moved.py": module.format("Writer", "r", "r")}
    )

    assert (path, text.count("False"), text.count("lease")) == ("a/moved.py", 1, 0)


@pytest.mark.parametrize("package", [{}, {"a.py": "f(1)\n", "b.py": "f(2)\n"}])
def test_a_planted_bug_whose_place_has_moved_is_an_error(package: dict[str, str]) -> None:
    with pytest.raises(Misplaced):
        code("f($X)", "g($X)").apply(package)
