"""A process that imported a function's handler and forks further environments from there.

Importing boto3, pydantic and the rest takes a second of processor time and 70 MB for every environment. AWS has the
machines for that when twenty calls arrive at once, a workstation has not. A fork takes milliseconds and shares the
memory. Only what can be forked is: Linux, and a handler whose import started no thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

POSSIBLE = sys.platform == "linux"


class Template:
    """A process to fork from: started by the first fork, ended by `close`. Raises OSError if it cannot be had."""

    def __init__(
        self,
        command: Sequence[str],
        cwd: Path,
        env: Mapping[str, str],
        init: Mapping[str, Any],
        log: Path,
        limit: float,
    ) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs, log.open("ab") as file:
            self._process = subprocess.Popen(
                [*command, "template"], cwd=cwd, env=dict(env), stdin=theirs.fileno(), stdout=file, stderr=file
            )
        self._control.settimeout(limit)
        try:
            answer = self._ask({"init": init})
        except OSError:
            self.close()
            raise
        if "ready" not in answer:
            self.close()
            raise OSError(answer.get("unusable", "the template ended"))

    def _ask(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        with self._lock:
            socket.send_fds(self._control, [json.dumps(request).encode()], descriptors)
            answer = self._control.recv(1 << 20)
        if not answer:
            raise OSError("the template ended")
        message: dict[str, Any] = json.loads(answer)
        return message

    def fork(self, variables: Mapping[str, str]) -> Forked:
        """Return a new environment with these environment variables over the template's."""
        pipes = [os.pipe() for _ in range(3)]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        ours = [pipes[0][1], pipes[1][0], pipes[2][0]]
        try:
            pid = self._ask({"fork": dict(variables)}, theirs)["pid"]
        except OSError:
            for descriptor in ours:
                os.close(descriptor)
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return Forked(self, pid, ours)

    def exit_code(self, pid: int) -> int | None:
        """Return it as Popen.poll does; None while the process runs. A process whose template is gone counts as
        killed.
        """
        try:
            code: int | None = self._ask({"poll": pid})["code"]
        except OSError:
            return -signal.SIGKILL
        return code

    def close(self) -> None:
        self._control.close()
        self._process.kill()
        self._process.wait(5)


class Forked:
    """The part of Popen that Environment needs, for a process that is the template's child."""

    def __init__(self, template: Template, pid: int, descriptors: Sequence[int]) -> None:
        self._template, self.pid = template, pid
        self._code: int | None = None
        self.stdin = os.fdopen(descriptors[0], "wb")
        self.stdout = os.fdopen(descriptors[1], "rb")
        self.stderr = os.fdopen(descriptors[2], "rb")

    def poll(self) -> int | None:
        if self._code is None:
            self._code = self._template.exit_code(self.pid)
        return self._code

    def wait(self, timeout: float) -> int:
        """Wait for the end. Raises subprocess.TimeoutExpired."""
        limit = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > limit:
                raise subprocess.TimeoutExpired("environment", timeout)
            time.sleep(0.002)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
