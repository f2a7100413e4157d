"""Report the steps of a start."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """A step of a start. ``seconds``: how long it took, None when it has just begun, 0 for a mere remark."""

    name: str
    seconds: float | None = None

    def __str__(self) -> str:
        if self.seconds is None:
            return f"{self.name} …"
        return f"{self.name}: {self.seconds:.1f} s" if self.seconds else self.name


Progress = Callable[[Step], None]


@contextmanager
def told(progress: Progress, name: str) -> Iterator[None]:
    """Report the beginning and, if it went well, the end of a step."""
    progress(Step(name))
    began = time.monotonic()
    yield
    progress(Step(name, time.monotonic() - began))
