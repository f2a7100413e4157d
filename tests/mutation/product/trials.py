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

from tests.mutation.product.plants import Change, Plant

ROOT = Path(__file__).resolve().parents[3]
_FOLDERS = ("docs", "events", "functions", "layers", "statemachine", "tests")
_FILES = ("backend.yaml", "data.yaml", "edge.yaml", "foundation.yaml", "pyproject.toml", "template.yaml")


class Misplaced(Exception):
    """The product has moved, and the planted bug has to follow."""


@dataclass(frozen=True)
class Trial:
    """What became of a planted bug. said: the test's own words."""

    plant: Plant
    is_caught: bool
    said: str
    seconds: float


def planted(text: str, change: Change) -> str:
    """The text with the change. Raises Misplaced unless the old text is found exactly once."""
    if change.state:
        machine = json.loads(text)
        state = machine["States"].get(change.state)
        machine["States"][change.state] = json.loads(_replaced(json.dumps(state), change))
        return json.dumps(machine)
    return _replaced(text, change)


def _replaced(text: str, change: Change) -> str:
    if (times := text.count(change.old)) != 1:
        raise Misplaced(f"{change.path} {change.state} holds {times} times, and not once: {change.old!r}")
    return text.replace(change.old, change.new)


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
        self._warm.stdin.write(json.dumps([f"tests/{test}" for test in tests]) + "\n")
        self._warm.stdin.flush()
        answer = json.loads(self._warm.stdout.readline())
        return answer["status"], answer["said"]

    def tried(self, plant: Plant) -> Trial:
        """Plant it, run its test, and dig it up again."""
        began = time.monotonic()
        clean: dict[Path, str] = {}
        try:
            for change in plant.changes:
                path = self.folder / change.path
                text = path.read_text()
                clean.setdefault(path, text)
                path.write_text(planted(text, change))
            status, said = self.run([plant.caught_by])
        finally:
            for path, text in clean.items():
                path.write_text(text)
        # A test that could not even begin notices nothing.
        is_caught = status == 1 and f"FAILED tests/{plant.caught_by}" in said
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
