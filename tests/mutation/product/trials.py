"""Plants a bug in a copy of the tree, and runs the one test that must notice it there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from tests.mutation.code import Change, Misplaced, all_applied
from tests.mutation.product.plants import InState, Plant

ROOT = Path(__file__).resolve().parents[3]
_FOLDERS = ("docs", "events", "functions", "layers", "statemachine", "tests")
_FILES = ("pyproject.toml", *(path.name for path in ROOT.glob("*.yaml")))
_PACKAGE, _ONBOARD = "layers/tenancy/tenancy", "statemachine/onboard_tenant.asl.json"
_TESTS = ROOT / "tests" / "unit"


@dataclass(frozen=True)
class Trial:
    """What became of a planted bug. said: the test's own words."""

    plant: Plant
    is_caught: bool
    said: str
    seconds: float


def planted(plant: Plant, root: Path = ROOT) -> dict[Path, str]:
    """The files that change, and what is in them then. Raises Misplaced when the product has moved away from it."""
    package = {str(path): path.read_text() for path in sorted((root / _PACKAGE).rglob("*.py"))}
    in_package = [change for change in plant.changes if isinstance(change, Change)]
    changed = {Path(path): text for path, text in all_applied(in_package, package).items()}
    in_states = [change for change in plant.changes if isinstance(change, InState)]
    if in_states:
        definition = json.loads((root / _ONBOARD).read_text())
        for change in in_states:
            change.spoil(definition["States"][change.state])
        changed[root / _ONBOARD] = json.dumps(definition, indent=2)
    return changed


def noticing_test(plant: Plant) -> str:
    """The id of the test that is to notice it. Raises Misplaced unless there is exactly one of its name."""
    name = f"test_{plant.caught_by}"
    found = [path for path in _TESTS.rglob("test_*.py") if f"def {name}(" in path.read_text()]
    if len(found) != 1:
        raise Misplaced(f"{name} is there {len(found)} times: {found}")
    return f"{found[0].relative_to(ROOT)}::{name}"


class Copy:
    """A copy of the tree to spoil, and a process that runs tests in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _FOLDERS:
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in _FILES:
            shutil.copy2(ROOT / name, folder / name)
        paths = [str(folder), str(folder / "layers" / "tenancy")]
        self._warm = subprocess.Popen(
            [sys.executable, folder / "tests" / "mutation" / "product" / "warm.py", folder, *paths],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "COLUMNS": "200",
                "NO_COLOR": "1",
                "PYTHONDONTWRITEBYTECODE": "1",  # a file that is planted in and cleaned within a second looks the same
                "PYTHONPATH": os.pathsep.join(paths),
                "no_proxy": "*",  # macOS asks for proxies in a way that does not survive a fork
            },
        )

    def run(self, tests: Iterable[str]) -> tuple[int, str]:
        """(pytest's exit status, what it said)."""
        assert self._warm.stdin is not None
        assert self._warm.stdout is not None
        self._warm.stdin.write(json.dumps(list(tests)) + "\n")
        self._warm.stdin.flush()
        answer = json.loads(self._warm.stdout.readline())
        return answer["status"], answer["said"]

    def tried(self, plant: Plant) -> Trial:
        """Plant it, run its test, and dig it up again."""
        began = time.monotonic()
        test, changed = noticing_test(plant), planted(plant, self.folder)
        clean = {path: path.read_text() for path in changed}
        try:
            for path, text in changed.items():
                path.write_text(text)
            status, said = self.run([test])
        finally:
            for path, text in clean.items():
                path.write_text(text)
        # A test that could not even begin notices nothing.
        is_caught = status == 1 and f"FAILED {test}" in said
        return Trial(plant, is_caught, said, time.monotonic() - began)

    def close(self) -> None:
        assert self._warm.stdin is not None
        assert self._warm.stdout is not None
        self._warm.stdin.close()
        self._warm.wait()
        self._warm.stdout.close()


@contextmanager
def copies(count: int) -> Iterator[list[Copy]]:
    """So many, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="fluxion-planted-") as folder, ExitStack() as stack:
        made = [Copy(Path(folder) / str(number)) for number in range(count)]
        for each in made:
            stack.callback(each.close)
        yield made


def all_tried(plants: Sequence[Plant], jobs: int) -> Iterator[Trial]:
    """Each trial, in order."""
    with copies(jobs) as made, ThreadPoolExecutor(jobs) as pool:
        free: SimpleQueue[Copy] = SimpleQueue()
        for each in made:
            free.put(each)

        def one(plant: Plant) -> Trial:
            copy = free.get()
            try:
                return copy.tried(plant)
            finally:
                free.put(copy)

        yield from pool.map(one, plants)
