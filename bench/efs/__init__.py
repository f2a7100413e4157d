"""Model EFS: the file operations of a process, below one folder, take the time that they would over a network.

``model.c`` is loaded in front of the C library (LD_PRELOAD) and really sleeps. It is compiled when it is needed, by
`cc` or else by the compiler of ``requirements/compiler.in``, and checked before anybody believes it.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.report import ROOT

OPERATIONS = ("reads", "writes", "syncs", "metadata", "locks")
TRIPS = ("read_trips", "write_trips")
"""What the model counts: operations, whether they cost something or not, and what they cost. The order of its enums."""

_SOURCE = Path(__file__).with_name("model.c")
_ZIG = ROOT / ".venvs" / "compiler" / "bin" / "python"
# A sleep ends late when all processors are busy; a model that is wrong is wrong by more than that.
_LATE_FACTOR, _LATE_MS = 1.5, 0.5
_OUTSIDE_MS = 0.3


class ModelUnavailable(Exception):
    """The model cannot run on this machine; the text says why."""


class WrongModel(Exception):
    """The model does not do what it says: whatever is measured on it means nothing."""


@dataclass(frozen=True)
class Delays:
    """The time of one round trip to the file system, in milliseconds.

    read: data or a listing of a folder. write: a write, an fsync, a name, a size, a lock. AWS gives 2.7 ms for writes
    to a Regional file system, and 1 ms for reads is the upper end of what it gives. write_back: data waits in the
    client until fsync or close, as on a mount with the usual options; otherwise each write is a trip of its own.
    """

    read: float = 1.0
    write: float = 2.7
    write_back: bool = False


@dataclass(frozen=True)
class Model:
    """A model with the delays of one folder, for processes that are started with ``environment``."""

    library: Path
    folder: Path
    delays: Delays

    @property
    def environment(self) -> Mapping[str, str]:
        """Return what has to be in a process's environment. The folder may not contain symbolic links."""
        return {
            "LD_PRELOAD": str(self.library),
            "EFS_MODEL_FOLDER": str(self.folder),
            "EFS_MODEL_READ_US": str(round(self.delays.read * 1000)),
            "EFS_MODEL_WRITE_US": str(round(self.delays.write * 1000)),
            "EFS_MODEL_WRITE_BACK": str(int(self.delays.write_back)),
        }

    def check(self, outside: Path) -> None:
        """Measure what the model does, in its folder and in one beside it. Raises WrongModel."""
        done = subprocess.run(
            [sys.executable, "-m", "bench.efs.probe", self.folder, outside],
            cwd=ROOT,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise WrongModel(f"The model of EFS could not be checked: {done.stderr.strip()[-500:]}")
        if faults := list(doubts(json.loads(done.stdout), self.delays)):
            raise WrongModel(f"The model of EFS is wrong: {'; '.join(faults)}.")


def doubts(probe: Mapping[str, Any], delays: Delays) -> Iterator[str]:
    """Return what is wrong with the model, from what ``bench.efs.probe`` has found.

    probe: {inside, outside: {operation: median ms}, engine: {kind: operations of DuckDB that the model saw},
    kernel_writes: those that the kernel counted}.
    """
    inside, outside = probe["inside"], probe["outside"]
    expected = dict.fromkeys(inside, delays.write) | {"pread": delays.read}
    if delays.write_back:
        expected["pwrite"] = 0.0
    for name, wanted in expected.items():
        # A disk that takes longer than the network is no fault of the model's.
        latest = max(wanted, outside[name]) * _LATE_FACTOR + _LATE_MS
        if not wanted <= inside[name] <= latest:
            yield f"{name} takes {inside[name]:.2f} ms instead of {wanted} ms"
    for name in ("pread", "pwrite", "stat", "flock"):
        if outside[name] > _OUTSIDE_MS:
            yield f"{name} takes {outside[name]:.2f} ms in a folder that the model has no part in"
    if probe["engine"]["writes"] != probe["kernel_writes"]:
        yield f"it saw {probe['engine']['writes']} of the {probe['kernel_writes']} writes of DuckDB"
    for kind in ("writes", "syncs", "metadata", "locks"):
        if not probe["engine"][kind]:
            yield f"it saw no {kind} of DuckDB"


def compiled(folder: Path) -> Path:
    """Return the model, compiled as a library in a folder. Raises ModelUnavailable."""
    if platform.system() != "Linux":
        raise ModelUnavailable(f"the model of EFS needs LD_PRELOAD and /proc, of Linux; this is {platform.system()}")
    library = folder / "efs-model.so"
    said = "no C compiler: install one, or let `make bench` set one up"
    for compiler in _compilers():
        done = subprocess.run(
            [*compiler, "-shared", "-fPIC", "-O2", "-o", library, _SOURCE, "-ldl"],
            env=os.environ | {"ZIG_GLOBAL_CACHE_DIR": str(folder), "ZIG_LOCAL_CACHE_DIR": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.returncode:
            return library
        said = f"{compiler[0]} cannot compile it: {done.stderr.strip()[:300]}"
    raise ModelUnavailable(f"the model of EFS could not be compiled: {said}")


def _compilers() -> Iterator[Sequence[str | Path]]:
    if found := shutil.which("cc"):
        yield [found]
    if _ZIG.exists():
        yield [_ZIG, "-m", "ziglang", "cc"]
