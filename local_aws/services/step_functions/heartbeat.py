"""HeartbeatSeconds of a task that waits for its token.

AWS: a task whose worker stays silent for HeartbeatSeconds fails with States.HeartbeatTimeout (which States.Timeout in a
Retry or Catch matches too); SendTaskHeartbeat starts the count again. Stock MiniStack ignores the field.

Source: docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html, …/apireference/
API_SendTaskHeartbeat.html. Different: HeartbeatSeconds and TimeoutSeconds given as expressions are not evaluated.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from ministack.services import stepfunctions

from local_aws import patching
from local_aws.state import Settings


def _wait(token: str, event: threading.Event, timeout: float, state: dict[str, Any]) -> bool:
    """Whether the token was answered in time. Raises States.HeartbeatTimeout."""
    beat = state.get("HeartbeatSeconds")
    if not isinstance(beat, int | float):
        return event.wait(timeout)
    info, end = stepfunctions._task_tokens[token], time.monotonic() + timeout
    info.setdefault("beat_at", time.monotonic())
    while True:
        silent_at = info["beat_at"] + beat
        if event.wait(max(0.0, min(silent_at, end) - time.monotonic())):
            return True
        if time.monotonic() >= end:
            return False
        if time.monotonic() >= info["beat_at"] + beat:
            stepfunctions._task_tokens.pop(token, None)
            raise stepfunctions._ExecutionError("States.HeartbeatTimeout", "")


def _send_task_heartbeat(original: Any) -> Any:
    def send_task_heartbeat(data: dict[str, Any]) -> Any:
        info = stepfunctions._task_tokens.get(data.get("taskToken"))
        if info is not None:
            info["beat_at"] = time.monotonic()
        return original(data)

    return send_task_heartbeat


def _error_matches(original: Any) -> Any:
    def error_matches(names: list[str], error: str) -> bool:
        return bool(original(names, error)) or (error == "States.HeartbeatTimeout" and "States.Timeout" in names)

    return error_matches


def install(settings: Settings) -> None:
    stepfunctions._bridge_wait = _wait
    patching.edit(
        stepfunctions,
        "_invoke_with_callback",
        (
            "    if not evt.wait(timeout=timeout):\n",
            "    if not _bridge_wait(token, evt, timeout, state_def):\n",
        ),
    )
    patching.replace(stepfunctions, "_send_task_heartbeat", _send_task_heartbeat)
    patching.replace(stepfunctions, "_error_matches", _error_matches)
