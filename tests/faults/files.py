"""The product's file operations as crossings: everything below the tenants' folder and scratch space.

A database engine writes by itself, unseen; only its opening is a crossing here, and ``tests/unit/database`` kills real
processes inside it.
"""

import errno
import fcntl
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from tests.faults.clock import Patches
from tests.faults.points import Kind

type Cross = Callable[..., Any]

_ERRNO = {
    Kind.THROTTLE: errno.ENOSPC,
    Kind.SERVER_ERROR: errno.EIO,
    Kind.TIMEOUT_BEFORE: errno.ETIMEDOUT,
    Kind.TIMEOUT_AFTER: errno.ETIMEDOUT,
}


def refusal(what: str, path: str) -> OSError:
    """The error of the file system that a Kind, or the name of an errno, is."""
    number = _ERRNO.get(what) or getattr(errno, what)  # type: ignore[call-overload]
    return OSError(number, os.strerror(number), path)


def _engine_refusal(what: str, path: str) -> duckdb.IOException:
    error = refusal(what, path)
    return duckdb.IOException(f'IO Error: Could not open file "{path}": {error.strerror}')


class Files:
    """Watches ``os`` while an invocation runs. roots: folders whose files are the product's."""

    def __init__(self, cross: Cross, is_watching: Callable[[], bool]) -> None:
        self._cross, self._is_watching = cross, is_watching
        self._paths: dict[int, str] = {}
        self.roots: tuple[str, ...] = ()

    def install(self, patches: Patches) -> None:
        from tenancy.database import engine

        for name in ("mkdir", "rmdir", "unlink", "remove", "rename", "replace", "link"):
            patches.set(os, name, self._by_path(name, getattr(os, name)))
        self._close = os.close
        patches.set(os, "open", self._opened(os.open))
        patches.set(os, "close", self._closed)
        patches.set(os, "write", self._written(os.write))
        patches.set(os, "fsync", self._by_descriptor("fsync", os.fsync))
        patches.set(fcntl, "flock", self._flocked(fcntl.flock))
        patches.set(io, "open", self._read(io.open))
        for name in ("create", "connect", "connect_to_export"):
            patches.set(engine, name, self._by_engine(name, getattr(engine, name)))

    def close_all(self) -> None:
        """What the kernel does for a process that died."""
        for descriptor in list(self._paths):
            self._closed(descriptor)

    def _concerned(self, path: Any, dir_fd: int | None = None) -> str | None:
        """The path if it is one of the product's, while an invocation runs."""
        if not self._is_watching() or not isinstance(path, str | os.PathLike):
            return None
        text = os.fspath(path)
        if dir_fd is not None:
            text = f"{self._paths.get(dir_fd, '')}/{text}"
        return text if isinstance(text, str) and text.startswith(self.roots) else None

    def _crossed(self, name: str, path: str, effect: Callable[[], Any], **more: Any) -> Any:
        return self._cross(
            "files", name, effect, detail=_shown(path), refusal=lambda what, _: refusal(what, path), **more
        )

    def _by_path(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *rest: Any, **more: Any) -> Any:
            concerned = self._concerned(path, more.get("dir_fd"))
            if concerned is None:
                return real(path, *rest, **more)
            return self._crossed(name, concerned, lambda: real(path, *rest, **more))

        return call

    def _opened(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            concerned = self._concerned(path, more.get("dir_fd"))
            if concerned is None:
                return real(path, flags, *rest, **more)

            def effect() -> int:
                descriptor = real(path, flags, *rest, **more)
                self._paths[descriptor] = concerned
                return descriptor

            return int(self._crossed("create" if flags & os.O_CREAT else "open", concerned, effect))

        return call

    def _closed(self, descriptor: int) -> None:
        self._paths.pop(descriptor, None)
        self._close(descriptor)

    def _by_descriptor(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(descriptor: Any, *rest: Any) -> Any:
            path = self._paths.get(descriptor)
            if path is None or not self._is_watching():
                return real(descriptor, *rest)
            return self._crossed(name, path, lambda: real(descriptor, *rest))

        return call

    def _written(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(descriptor: int, content: Any) -> int:
            path = self._paths.get(descriptor)
            if path is None or not self._is_watching():
                return real(descriptor, content)
            half = memoryview(content)[: len(content) // 2]
            return int(
                self._crossed("write", path, lambda: real(descriptor, content), half=lambda: real(descriptor, half))
            )

        return call

    def _flocked(self, real: Callable[..., Any]) -> Callable[..., Any]:
        watched = self._by_descriptor("flock", real)

        def call(descriptor: Any, how: int) -> Any:
            # Letting go is what the kernel does anyway.
            return real(descriptor, how) if how & fcntl.LOCK_UN else watched(descriptor, how)

        return call

    def _read(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(file: Any, *rest: Any, **more: Any) -> Any:
            concerned = self._concerned(file)
            if concerned is None:
                return real(file, *rest, **more)
            return self._crossed("read", concerned, lambda: real(file, *rest, **more))

        return call

    def _by_engine(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(database: Path, *rest: Any, **more: Any) -> Any:
            opened: list[duckdb.DuckDBPyConnection] = []

            def effect() -> Any:
                opened.append(real(database, *rest, **more))
                return opened[-1]

            try:
                return self._cross(
                    "engine",
                    name,
                    effect,
                    detail=_shown(str(database)),
                    refusal=lambda what, _: _engine_refusal(what, str(database)),
                )
            except BaseException:
                # A caller that never got the handle cannot close it; an engine that failed, or died, has none open.
                for handle in opened:
                    handle.close()
                raise

        return call


def _shown(path: str) -> str:
    return "/".join(path.split("/")[-2:])
