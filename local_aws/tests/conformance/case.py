"""A conformance case: one behaviour of AWS, said in words, with its source and its bridge.

Each test in this folder is a case. The table in behaviours.md is made of them, and each case of a bridge has to
fail while that bridge is off: else it proves nothing about it. A test imports it as `from .case import case`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    """What one test shows.

    behaviour:       what AWS does, a clause that can stand in a table.
    source:          the page of AWS, or the model, that says so.
    bridge:          the module of local_aws.services that makes it so here; None if stock MiniStack does it.
    still_different: what the embedded AWS does otherwise all the same; empty for nothing known.
    on_aws:          whether the test can run against an account; if not, `why_not` says why.
    """

    behaviour: str
    source: str
    bridge: str | None
    still_different: str = ""
    on_aws: bool = True
    why_not: str = ""

    def __post_init__(self) -> None:
        if not (self.behaviour.strip() and self.source.strip()):
            raise ValueError(f"a case needs a behaviour and a source: {self}")
        if self.on_aws == bool(self.why_not):
            raise ValueError(f"a case that cannot run on AWS says why, and only such a case: {self.behaviour}")


def case[Test: Callable[..., None]](
    behaviour: str,
    *,
    source: str,
    bridge: str | None,
    still_different: str = "",
    on_aws: bool = True,
    why_not: str = "",
) -> Callable[[Test], Test]:
    """Mark a test as the case of one behaviour. See `Case` for the words."""
    described = Case(behaviour, source, bridge, still_different, on_aws, why_not)

    def mark(test: Test) -> Test:
        test.__dict__["case"] = described
        return test

    return mark


def case_of(test: object) -> Case | None:
    """The case that a test function was marked as."""
    found = getattr(test, "case", None)
    return found if type(found).__name__ == Case.__name__ else None


def all_tests() -> dict[str, Case | None]:
    """`file::function` → its case, None without one, for each test of this folder in the order of its source."""
    found: dict[str, Case | None] = {}
    for file in sorted(FOLDER.glob("test_*.py")):
        module = import_module(f"{__package__}.{file.stem}")
        own = {name: value for name, value in vars(module).items() if name.startswith("test_") and callable(value)}
        found |= {f"{file.name}::{name}": case_of(test) for name, test in own.items()}
    return found
