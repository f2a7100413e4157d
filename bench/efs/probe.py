"""Print as JSON what the model does: ``python -m bench.efs.probe <inside> <outside>``, in the model's environment."""

import ctypes
import fcntl
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import duckdb

from bench.efs import OPERATIONS, TRIPS

_TIMES = 50


def counts() -> dict[str, int]:
    """Return operations and trips of this process below the model's folder so far. Without a model: none."""
    names = (*OPERATIONS, *TRIPS)
    found = (ctypes.c_ulong * len(names))()
    if "EFS_MODEL_FOLDER" in os.environ:
        ctypes.CDLL(None).efs_model_counts(found)
    return dict(zip(names, found, strict=True))


def main(inside: Path, outside: Path) -> None:
    """Time single operations in both folders, and compare what DuckDB writes with what the kernel has counted."""
    times = {"inside": _times(inside), "outside": _times(outside)}
    with TemporaryDirectory(dir=inside) as folder:
        before, kernel_before = counts(), _kernel_writes()
        with duckdb.connect(Path(folder) / "probe.duckdb") as connection:
            connection.execute("CREATE TABLE probe AS SELECT range AS x FROM range(10000)")
            connection.execute("CHECKPOINT")
        after, kernel_after = counts(), _kernel_writes()
    engine = {kind: after[kind] - before[kind] for kind in OPERATIONS}
    json.dump({**times, "engine": engine, "kernel_writes": kernel_after - kernel_before}, sys.stdout)


def _times(folder: Path) -> dict[str, float]:
    """Return the median of each operation, in milliseconds."""
    with TemporaryDirectory(dir=folder) as own:
        file, other = Path(own) / "file", Path(own) / "other"
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT)
        os.write(descriptor, b"x" * 4096)
        found = {
            "pread": _timed(lambda: os.pread(descriptor, 512, 0)),
            "pwrite": _timed(lambda: os.pwrite(descriptor, b"y", 0)),
            "stat": _timed(lambda: os.stat(file)),  # noqa: PTH116 - the call itself
            "flock": _timed(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX)),
            "link": _timed(lambda: os.link(file, other), before=lambda: other.unlink(missing_ok=True)),
            "fsync": _timed(lambda: os.fsync(descriptor), before=lambda: os.pwrite(descriptor, b"z", 0)),
        }
        os.close(descriptor)
        return found


def _timed(act: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    taken = []
    for _ in range(_TIMES):
        before()
        began = time.perf_counter()
        act()
        taken.append(time.perf_counter() - began)
    return median(taken) * 1000


def _kernel_writes() -> int:
    """Return how often this process has called write, pwrite and their kin, on any file, as the kernel counts it."""
    lines = Path("/proc/self/io").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("syscw:"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
