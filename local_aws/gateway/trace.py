"""Write one JSON line per AWS call: who called what, and how it ended.

{at, principal, service, operation, status, ms, path?, error?, fault?, invalid?, quota?, via?}: at is ISO-8601 UTC with
milliseconds; principal is the caller's role or user name; service the signing name; operation botocore's; status the
HTTP status (0: a fault kept the call from having any effect, and it got no answer); error AWS's code; fault the rule
that struck, and how; invalid what the service's model refuses; quota the one that was
exceeded; via `states` for a call that a state machine makes. Written by a thread of its own, at most 50 ms late.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

FLUSH_SECONDS = 0.05


class Trace:
    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lines: SimpleQueue[Mapping[str, Any] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._write, daemon=True, name="trace")
        self._thread.start()

    def record(self, principal: str, service: str, operation: str, status: int, **more: Any) -> None:
        """Add a line; return at once. Values in `more` that are None are left out."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"at": at, "principal": principal, "service": service, "operation": operation, "status": status}
        self._lines.put(line | {key: value for key, value in more.items() if value is not None})

    def close(self) -> None:
        """Write what is waiting, and end."""
        self._lines.put(None)
        self._thread.join(5)
        self._file.close()

    def _write(self) -> None:
        while True:
            batch = [self._lines.get()]
            time.sleep(FLUSH_SECONDS)
            while True:
                try:
                    batch.append(self._lines.get_nowait())
                except Empty:
                    break
            self._file.writelines(json.dumps(line) + "\n" for line in batch if line is not None)
            self._file.flush()
            if None in batch:
                return


_current: Trace | None = None


def start(path: Path) -> Trace:
    """Open the trace of this process."""
    global _current  # noqa: PLW0603 - one process, one trace
    _current = Trace(path)
    return _current


def record(principal: str, service: str, operation: str, status: int, **more: Any) -> None:
    """Add a line to this process's trace; nothing happens before `start`."""
    if _current is not None:
        _current.record(principal, service, operation, status, **more)
