"""Choose state folders: two stacks never share one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from local.stack.errors import StackFailed


@contextmanager
def own_folder(root: Path, kind: Literal["run", "test"]) -> Iterator[Path]:
    """Hold the first ``.local/<kind>-<n>`` that no other process uses, for as long as the block lasts.

    root: the repository. Raises StackFailed when a thousand are in use.
    """
    for number in range(1, 1000):
        folder = root / ".local" / f"{kind}-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / "run.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            yield folder
        finally:
            lock.release()
        return
    raise StackFailed("A thousand local stacks are in use already: end some of them.")
