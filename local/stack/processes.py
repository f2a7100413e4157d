"""Run the stack's processes: each in a group of its own, recorded in a file, ended for certain.

A process is ours if the file names its pid and it has run since the recorded moment, or if it carries the state folder
in its environment (on Linux): so nothing is forgotten when the supervisor is killed, and a stranger that was given an
old pid is left alone.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

MARK = "FLUXION_STACK_CHILD"
"""Variable in the environment of every process of a stack: its state folder. People's shells never get it."""

_PROC = Path("/proc")
_GRACE = 6.0  # seconds between SIGTERM and SIGKILL


@dataclass(frozen=True)
class Recorded:
    """A line of the file. ``started``: when the process began, in whatever unit this system tells it."""

    name: str
    pid: int
    started: str


def started(pid: int) -> str | None:
    """Return when a process began, as opaque text that no two processes with one pid share; None if there is none."""
    if _PROC.joinpath("self/stat").exists():
        try:
            fields = _PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else fields[19]  # proc(5): state, then starttime as the 22nd field
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip() or None


class _Detached(subprocess.Popen[bytes]):
    """A process that may outlive its handle, which is no mistake to be warned of."""

    def __del__(self) -> None:
        if getattr(self, "_child_created", False):
            self.poll()


class Children:
    """The processes of one state folder.

    detached: they outlive this process (`make up`); else they end with the thread that started them (`make run`).
    """

    def __init__(self, state_dir: Path, *, detached: bool) -> None:
        self._state_dir, self._file, self._detached = state_dir, state_dir / "pids.json", detached
        self._mine: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> int:
        """Start a program with its output in ``logs/<name>.log``; returns its pid."""
        log = self._state_dir / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        if not self._detached:
            launcher = Path(__file__).with_name("child.py")
            command = [sys.executable, "-IS", str(launcher), str(os.getpid()), *command]
        with log.open("ab") as output:
            child = (_Detached if self._detached else subprocess.Popen)(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**environment, MARK: str(self._state_dir)},
                cwd=cwd,
                start_new_session=True,
            )
        self._mine[child.pid] = child
        self._record([*self.recorded(), Recorded(name, child.pid, started(child.pid) or "")])
        return child.pid

    def run(self, name: str, command: Sequence[str], environment: Mapping[str, str], cwd: Path) -> int:
        """Run a program to its end and return its exit code; it ends with us if we are interrupted."""
        pid = self.start(name, command, environment, cwd)
        try:
            return self._mine[pid].wait()
        finally:
            self._end([entry for entry in self.recorded() if entry.pid == pid])

    def recorded(self) -> list[Recorded]:
        """Return the processes that the file names, alive or not."""
        try:
            return [Recorded(**line) for line in json.loads(self._file.read_text())]
        except (OSError, ValueError, TypeError):
            return []

    def alive(self, pid: int) -> bool:
        """Return whether a recorded process still runs, and is still the one that was recorded."""
        child = self._mine.get(pid)
        if child is not None and child.poll() is not None:
            return False
        return any(entry.pid == pid and _is(entry) for entry in self.recorded())

    def named(self, name: str) -> int | None:
        """Return the pid of the recorded process of that name; None unless it runs."""
        return next((entry.pid for entry in self.recorded() if entry.name == name and _is(entry)), None)

    def end_all(self) -> list[str]:
        """End every process of this state folder, the newest first; return the names of those that were running."""
        entries = self.recorded()
        ended = [entry.name for entry in entries if _is(entry)]
        self._end(list(reversed(entries)))
        left = self._marked()
        for pid in left:
            _signal(pid, signal.SIGKILL)
        _wait(lambda: not self._marked(), _GRACE)
        for child in self._mine.values():
            child.poll()  # also those that another supervisor has ended
        return ended

    def _end(self, entries: Sequence[Recorded]) -> None:
        groups = [entry for entry in entries if _is(entry) or self._has_marked_group(entry.pid)]
        for entry in groups:
            _signal(-entry.pid, signal.SIGTERM)
            if not _wait(lambda pid=entry.pid: self._gone(pid), _GRACE):
                _signal(-entry.pid, signal.SIGKILL)
                _wait(lambda pid=entry.pid: self._gone(pid), _GRACE)
        gone = {entry.pid for entry in entries}
        self._record([entry for entry in self.recorded() if entry.pid not in gone])
        for pid in gone & set(self._mine):
            # A leader whose main thread has ended counts as gone, but can be collected only with its last thread.
            with suppress(subprocess.TimeoutExpired):
                self._mine[pid].wait(_GRACE)
                del self._mine[pid]

    def _gone(self, group: int) -> bool:
        child = self._mine.get(group)
        if child is not None:
            child.poll()
        if _PROC.joinpath("self/stat").exists():
            return not _members(group)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, 0)
            return False
        return True

    def _has_marked_group(self, group: int) -> bool:
        """Return whether a group without its leader has processes of this stack: functions of a killed emulator."""
        return any(pid in set(self._marked()) for pid in _members(group))

    def _marked(self) -> list[int]:
        wanted = f"{MARK}={self._state_dir}".encode()
        found = []
        for pid in _pids():
            with suppress(OSError):
                environment = _PROC.joinpath(str(pid), "environ").read_bytes().split(b"\0")
                if wanted in environment and pid != os.getpid() and started(pid):
                    found.append(pid)
        return found

    def _record(self, entries: Sequence[Recorded]) -> None:
        if not self._state_dir.exists():
            return
        new = self._file.with_suffix(".new")
        new.write_text(json.dumps([asdict(entry) for entry in entries], indent=1))
        new.replace(self._file)


def _is(entry: Recorded) -> bool:
    return bool(entry.started) and started(entry.pid) == entry.started


def _pids() -> list[int]:
    if not _PROC.joinpath("self/stat").exists():
        return []
    return [int(folder.name) for folder in _PROC.iterdir() if folder.name.isdigit()]


def _members(group: int) -> list[int]:
    """Return the living processes of a process group (Linux; empty elsewhere)."""
    found = []
    for pid in _pids():
        with suppress(OSError):
            fields = _PROC.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] not in "ZX":
                found.append(pid)
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _wait(condition, seconds: float) -> bool:  # type: ignore[no-untyped-def]
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
