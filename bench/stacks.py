"""Run local stacks of the benchmarks' own, which are gone afterwards."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.report import ROOT
from local.stack import Stack, own_folder
from local_aws.quotas import Quotas


@contextmanager
def own_stack(quotas: Quotas | None = None, parameters: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """Hold a stack that is not up yet, in a folder that no other process uses, and take it down at the end.

    quotas: what its AWS refuses and delays; None: everything is quick. parameters: of the template.
    """
    with own_folder(ROOT, "run") as folder:
        stack = Stack(ROOT, folder, detached=False, quotas=quotas, parameters=parameters)
        try:
            yield stack
        finally:
            stack.down()


def memory_mib(stack: Stack) -> float:
    """Return what all processes of a running stack take, in MiB: proportional set sizes, so shared pages count once."""
    return sum(_kibibytes(process) for process in _processes(stack)) / 1024


def processor_seconds(stack: Stack) -> float:
    """Return the processor time of all processes of a running stack; of ended ones too, if somebody awaited them."""
    return sum(_ticks(process) for process in _processes(stack)) / os.sysconf("SC_CLK_TCK")


def _processes(stack: Stack) -> list[Path]:
    """Return the members of the sessions that the stack's supervisor started (proc(5))."""
    sessions = {str(pid) for pid in stack.pids()}
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if _fields(process)[3] in sessions:
                found.append(process)
    return found


def _fields(process: Path) -> list[str]:
    """Return the fields of `stat` from the third on: state, parent, group, session."""
    return (process / "stat").read_text().rpartition(")")[2].split()


def _kibibytes(process: Path) -> int:
    with suppress(OSError):
        for line in (process / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def _ticks(process: Path) -> int:
    with suppress(OSError):
        return sum(int(ticks) for ticks in _fields(process)[11:15])  # utime, stime, and those of its children
    return 0
