"""Local stacks of the benchmarks' own, gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from bench.report import ROOT
from local.stack import Stack


@contextmanager
def own_folder() -> Iterator[Stack]:
    """A stack that is not up yet, in a folder that no other process uses; it is taken down at the end.

    Folders are kept apart as `make run` does it, and begin far from its own.
    """
    for number in range(901, 1000):
        folder = ROOT / ".local" / f"run-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "run.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        stack = Stack(ROOT, folder, detached=False)
        try:
            yield stack
        finally:
            stack.down()
            lock.release()
        return
    raise RuntimeError("there are a hundred benchmarks running")
