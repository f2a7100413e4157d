"""Act on the client's end of a request: cut its connection, or find the local process that sent it."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any

from hypercorn.asyncio import tcp_server

from local_aws import patching

_open: dict[tuple[str, int], Any] = {}  # the client's (address, port) -> the connection's transport
_PROC = Path("/proc")


def install() -> None:
    """Keep the transports of hypercorn's connections at hand: ASGI has no word for closing one without an answer."""

    class Server(tcp_server.TCPServer):
        async def run(self) -> None:
            client = self.writer.get_extra_info("peername")
            key = (client[0], client[1]) if client else ("", 0)
            _open[key] = self.writer.transport
            try:
                await super().run()
            finally:
                _open.pop(key, None)

    from hypercorn.asyncio import run

    patching.replace(run, "TCPServer", lambda _: Server)


def cut(client: tuple[str, int] | None) -> None:
    """Reset the connection. The client sees it end without an answer."""
    if client and (transport := _open.get(client)):
        transport.abort()


def kill_function(client: tuple[str, int] | None, role: str) -> bool:
    """Send SIGKILL to the execution environment (a function's process) that sent the request; return whether there is
    one.

    client: the request's sender. role: name of its execution role; where the system does not tell a port's process,
    every environment of that role that serves an invocation is killed.
    """
    busy = [(process, own) for process, own in _environments() if client and own == role]
    if _PROC.joinpath("net/tcp").exists() and client:
        inodes = _inodes(client)
        busy = [(process, own) for process, own in _environments() if inodes & _sockets(process)]
    for process, _ in busy:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    return bool(busy)


def from_function(role: str) -> bool:
    """Return whether the role is the execution role of a function that is being invoked."""
    return any(own == role for _, own in _environments())


def _environments() -> list[tuple[int, str]]:
    """Return (pid, role name) of the environments that serve an invocation."""
    from ministack.core import lambda_runtime

    workers = [worker for workers in list(lambda_runtime._workers.values()) for worker in list(workers)]
    return [
        (worker._proc.pid, worker.config.get("Role", "").rsplit("/", 1)[-1])
        for worker in workers
        if worker.in_use and worker._proc is not None
    ]


def _inodes(client: tuple[str, int]) -> set[str]:
    """Return the sockets whose local end is the client's (proc(5), /proc/net/tcp)."""
    port = f":{client[1]:04X}"
    lines = [line.split() for line in _PROC.joinpath("net/tcp").read_text().splitlines()[1:]]
    return {f"socket:[{fields[9]}]" for fields in lines if fields[1].endswith(port) and fields[9] != "0"}


def _sockets(process: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for descriptor in _PROC.joinpath(str(process), "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(descriptor.readlink()))
    return found
