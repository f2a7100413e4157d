"""Local stacks of the benchmarks' own, gone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

from bench.report import ROOT
from local.stack import Stack, own_folder


@contextmanager
def own_stack() -> Iterator[Stack]:
    """A stack that is not up yet, in a folder that no other process uses; it is taken down at the end."""
    with own_folder(ROOT, "run") as folder:
        stack = Stack(ROOT, folder, detached=False)
        try:
            yield stack
        finally:
            stack.down()
