"""Retries: longest delay, jitter, and what `States.ALL` does not match.

AWS: the delay is IntervalSeconds * BackoffRate^n, at most MaxDelaySeconds, and with JitterStrategy FULL a random part
of it; an execution that ended retries no more; States.ALL and States.TaskFailed never match States.Runtime, nor
States.DataLimitExceeded. Stock MiniStack: both fields ignored, 60 s cap, retries after the end, States.ALL matches all.

Source: docs.aws.amazon.com/step-functions/latest/dg/concepts-error-handling.html.

Upstream: whole: MaxDelaySeconds, JitterStrategy and the two errors that States.ALL does not match.
"""

from __future__ import annotations

import random
from typing import Any

from ministack.services import stepfunctions

from local_aws import patching
from local_aws.services.step_functions.executions import running
from local_aws.settings import Settings

NEVER_CAUGHT_BY_ALL = ("States.Runtime", "States.DataLimitExceeded")


def delay(retrier: dict[str, Any], count: int) -> float:
    """Return the seconds before retry number `count` (from 0)."""
    seconds = retrier.get("IntervalSeconds", 1) * retrier.get("BackoffRate", 2.0) ** count
    seconds = min(seconds, retrier.get("MaxDelaySeconds", float("inf")))
    return random.uniform(0, seconds) if retrier.get("JitterStrategy") == "FULL" else seconds  # noqa: S311


def _sleep(retrier: dict[str, Any], count: int) -> None:
    seconds = delay(retrier, count) * stepfunctions._SFN_WAIT_SCALE
    run = running.get()
    if run is None:
        stepfunctions._scaled_sleep(seconds)
    else:
        run.over.wait(seconds)


def _error_matches(original: Any) -> Any:
    def error_matches(error_equals: list[str], error: str) -> bool:
        if error in NEVER_CAUGHT_BY_ALL and error not in error_equals:
            return False
        return bool(original(error_equals, error))

    return error_matches


def install(settings: Settings) -> None:
    stepfunctions._bridge_retry_sleep = _sleep
    patching.replace(stepfunctions, "_error_matches", _error_matches, '"States.ALL" in error_equals')
    patching.edit(
        stepfunctions,
        "_with_retry_and_catch",
        (
            '                _scaled_sleep(min(interval * (retrier.get("BackoffRate", 2.0) ** count), 60))\n',
            "                _bridge_retry_sleep(retrier, count)\n",
        ),
    )
    patching.edit(
        stepfunctions,
        "_execute_task",
        (
            "                _scaled_sleep(min(sleep_sec, 60))\n",
            "                _bridge_retry_sleep(retrier, count)\n",
        ),
        (
            "            if retrier is not None:\n",
            '            if retrier is not None and execution["status"] == "RUNNING":\n',
        ),
    )
