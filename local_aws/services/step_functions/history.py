"""The history of an execution: its events, their order and their links.

AWS: every event names the one before it (0 for the first two); a task is Scheduled, Started, with a
token Submitted, and Succeeded, Failed or TimedOut, each with its resource type and resource (`lambda` and `invoke`,
`aws-sdk:dynamodb` and `putItem.waitForTaskToken`).
Stock MiniStack: no previousEventId, no TaskStarted, TaskSubmitted or TaskTimedOut, whole ARNs as resources.

Source: docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html. Different: a task that waits for
its token is Submitted without the answer of the call; assigned variables are absent; no 25,000-event limit.

Upstream: in part: previousEventId and the missing events; the edits of `_execute_task` would become its own lines.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import get_region
from ministack.services import stepfunctions

from local_aws import patching
from local_aws.settings import Settings

Execution = dict[str, Any]
Event = dict[str, Any]

_previous: ContextVar[tuple[str, int]] = ContextVar("previous", default=("", 0))  # (execution, id)
_current: ContextVar[tuple[Execution, str] | None] = ContextVar("current", default=None)  # whose task is being called
_adding = threading.Lock()
listeners: list[Callable[[Execution, Event], None]] = []
"""Called with each event once it is in the history, the first one too."""


def _add_event(original: Any) -> Any:
    def add_event(execution: Execution, event_type: str, details: Any = None) -> Any:
        with _adding:  # a time-out and a stop come from other threads
            first = execution["events"][0]
            if "previousEventId" not in first:
                first["previousEventId"] = 0
                _tell(execution, first)
            event = original(execution, event_type, details)
            if not event:
                return event
            arn, before = _previous.get()
            if arn != execution["executionArn"]:  # the first one, or from outside: stopped, timed out
                before = event["id"] - 1 if event["id"] > 2 else 0
            event["previousEventId"] = before
            _previous.set((execution["executionArn"], event["id"]))
            _tell(execution, event)
        return event

    return add_event


def _tell(execution: Execution, event: Event) -> None:
    for listener in listeners:
        listener(execution, event)


def names_of(resource: str) -> tuple[str, str]:
    """Return (resource type, resource) of a task's Resource ARN, as its events have them."""
    parts = resource.split(":")
    return (f"aws-sdk:{parts[-2]}" if "aws-sdk" in parts else parts[-2]), parts[-1]


def _details(event_type: str, **more: Any) -> dict[str, Any]:
    return {event_type[0].lower() + event_type[1:] + "EventDetails": more}


def _scheduled(execution: Execution, resource: str, given: Any, state: dict[str, Any]) -> None:
    _current.set((execution, resource))
    limit = {"timeoutInSeconds": state["TimeoutSeconds"]} if isinstance(state.get("TimeoutSeconds"), int) else {}
    kind, name = names_of(resource)
    parameters = {"region": get_region(), "parameters": json.dumps(given), **limit}
    add = stepfunctions._add_event
    add(execution, "TaskScheduled", _details("TaskScheduled", resourceType=kind, resource=name, **parameters))
    add(execution, "TaskStarted", _details("TaskStarted", resourceType=kind, resource=name))


def _submitted(resource: str) -> None:
    """Note that the call was made, and that its token is waited for now."""
    if current := _current.get():
        kind, name = names_of(resource)
        details = _details("TaskSubmitted", resourceType=kind, resource=name)
        stepfunctions._add_event(current[0], "TaskSubmitted", details)


def _ended(execution: Execution, resource: str, end: str, **more: Any) -> None:
    """Note the end of a task: Succeeded, Failed or TimedOut."""
    kind, name = names_of(resource)
    details = _details(f"Task{end}", resourceType=kind, resource=name, **more)
    stepfunctions._add_event(execution, f"Task{end}", details)


def _failed(execution: Execution, resource: str, error: Any) -> None:
    end = "TimedOut" if error.error == "States.Timeout" else "Failed"
    _ended(execution, resource, end, error=error.error, cause=error.cause)


_SCHEDULED = """            _add_event(execution, "TaskScheduled", {
                "taskScheduledEventDetails": {
                    "resourceType": "lambda" if "lambda" in resource else "states",
                    "resource": resource,
                },
            })
"""
_SUCCEEDED = """            _add_event(execution, "TaskSucceeded", {
                "taskSucceededEventDetails": {
                    "output": json.dumps(task_result),
                    "resource": resource,
                },
            })
"""
_FAILED = """            _add_event(execution, "TaskFailed", {
                "taskFailedEventDetails": {
                    "error": err.error, "cause": err.cause,
                    "resource": resource,
                },
            })
"""


def install(settings: Settings) -> None:
    stepfunctions._bridge_scheduled, stepfunctions._bridge_failed = _scheduled, _failed
    stepfunctions._bridge_ended, stepfunctions._bridge_submitted = _ended, _submitted
    patching.edit(
        stepfunctions,
        "_execute_task",
        (_SCHEDULED, "            _bridge_scheduled(execution, resource, effective, state_def)\n"),
        (
            _SUCCEEDED,
            '            _bridge_ended(execution, resource, "Succeeded", output=json.dumps(task_result))\n',
        ),
        (_FAILED, "            _bridge_failed(execution, resource, err)\n"),
    )
    patching.edit(
        stepfunctions,
        "_invoke_with_callback",
        (
            '    timeout = state_def.get("TimeoutSeconds", 99999)\n',
            '    _bridge_submitted(resource)\n    timeout = state_def.get("TimeoutSeconds", 99999)\n',
        ),
    )
    patching.replace(stepfunctions, "_add_event", _add_event)
