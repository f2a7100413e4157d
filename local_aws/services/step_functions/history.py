"""The history of an execution.

AWS: every event names the one before it in its branch (0 for the first two); a task is Scheduled, Started, with a
token Submitted, and Succeeded, Failed or TimedOut, each with its resource type and resource (`lambda` and `invoke`,
`aws-sdk:dynamodb` and `putItem.waitForTaskToken`); a function by its ARN has LambdaFunction… events; parallel and map
states, their branches' states and their iterations have events too.
Stock MiniStack: no previousEventId, no TaskStarted, TaskSubmitted or TaskTimedOut, whole ARNs as resources, nothing of
what happens inside Parallel and Map.

Source: docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html. Different: a task that waits for
its token is Submitted without the answer of the call; assigned variables are absent; no 25,000-event limit.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from ministack.core.responses import get_region, now_iso
from ministack.services import stepfunctions

from local_aws import patching
from local_aws.services.step_functions.executions import succeed
from local_aws.state import Settings

Execution = dict[str, Any]
Event = dict[str, Any]

_previous: ContextVar[tuple[str, int]] = ContextVar("previous", default=("", 0))  # (execution, id) in this branch
_current: ContextVar[tuple[Execution, str] | None] = ContextVar("current", default=None)  # whose task is being called
_adding = threading.Lock()
listeners: list[Callable[[Execution, Event], None]] = []
"""Called with each event once it is in the history, the first one too."""


def _add_event(original: Any) -> Any:
    def add_event(execution: Execution, event_type: str, details: Any = None) -> Any:
        with _adding:  # branches write at once
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
    """(resource type, resource) of a task's Resource ARN, as its events have them."""
    parts = resource.split(":")
    if ":states:::" in resource:
        return (f"aws-sdk:{parts[-2]}" if "aws-sdk" in parts else parts[-2]), parts[-1]
    return parts[2] if len(parts) > 2 else "states", resource


def _details(event_type: str, **more: Any) -> dict[str, Any]:
    return {event_type[0].lower() + event_type[1:] + "EventDetails": more}


def _scheduled(execution: Execution, resource: str, given: Any, state: dict[str, Any]) -> None:
    _current.set((execution, resource))
    limit = {"timeoutInSeconds": state["TimeoutSeconds"]} if isinstance(state.get("TimeoutSeconds"), int) else {}
    add = stepfunctions._add_event
    if ":lambda:" in resource and ":states:::" not in resource:
        add(
            execution,
            "LambdaFunctionScheduled",
            _details("LambdaFunctionScheduled", resource=resource, input=json.dumps(given), **limit),
        )
        add(execution, "LambdaFunctionStarted")
        return
    kind, name = names_of(resource)
    parameters = {"region": get_region(), "parameters": json.dumps(given), **limit}
    add(execution, "TaskScheduled", _details("TaskScheduled", resourceType=kind, resource=name, **parameters))
    add(execution, "TaskStarted", _details("TaskStarted", resourceType=kind, resource=name))


def _submitted(resource: str) -> None:
    """The call was made; now its token is waited for."""
    if current := _current.get():
        kind, name = names_of(resource)
        details = _details("TaskSubmitted", resourceType=kind, resource=name)
        stepfunctions._add_event(current[0], "TaskSubmitted", details)


def _ended(execution: Execution, resource: str, end: str, **more: Any) -> None:
    """end: Succeeded, Failed or TimedOut."""
    if ":lambda:" in resource and ":states:::" not in resource:
        event_type, names = f"LambdaFunction{end}", {}
    else:
        kind, name = names_of(resource)
        event_type, names = f"Task{end}", {"resourceType": kind, "resource": name}
    stepfunctions._add_event(execution, event_type, _details(event_type, **names, **more))


def _failed(execution: Execution, resource: str, error: Any) -> None:
    end = "TimedOut" if error.error in ("States.Timeout", "States.HeartbeatTimeout") else "Failed"
    _ended(execution, resource, end, error=error.error, cause=error.cause)


def run_sub_machine(states: dict[str, Any], start_at: str, given: Any, execution: Execution, ctx: Any) -> Any:
    """In place of `_run_sub_machine`: a branch's or iteration's states, each with its events; the branch's output."""
    name: Any = start_at
    data = json.loads(json.dumps(given))
    while name:
        state = states.get(name)
        if not state:
            raise stepfunctions._ExecutionError("States.Runtime", f"State '{name}' not found")
        kind = state.get("Type")
        ctx["State"] = {"Name": name, "EnteredTime": now_iso(), "RetryCount": 0}
        entered = {"stateEnteredEventDetails": {"name": name, "input": json.dumps(data)}}
        stepfunctions._add_event(execution, f"{kind}StateEntered", entered)
        following: Any = None
        if kind == "Succeed":
            data = succeed(state, data, ctx)
        elif kind == "Fail":
            raise stepfunctions._ExecutionError(*stepfunctions._fail_state_error(state, data, ctx))
        elif kind in ("Task", "Parallel", "Map"):
            data, following = getattr(stepfunctions, f"_execute_{kind.lower()}")(state, data, execution, ctx)
        elif kind in ("Pass", "Choice", "Wait"):
            data, following = getattr(stepfunctions, f"_execute_{kind.lower()}")(state, data, ctx)
        else:
            raise stepfunctions._ExecutionError("States.Runtime", f"Unknown state type: {kind}")
        left = {"stateExitedEventDetails": {"name": name, "output": json.dumps(data)}}
        stepfunctions._add_event(execution, f"{kind}StateExited", left)
        name = following
    return data


def _many(kind: str) -> Callable[[Any], Any]:
    """Parallel or Map: started, succeeded or failed, around one attempt."""

    def bridged(original: Any) -> Any:
        def run(state: dict[str, Any], given: Any, execution: Execution, ctx: Any) -> Any:
            if kind == "Parallel":
                stepfunctions._add_event(execution, "ParallelStateStarted")
            try:
                result = original(state, given, execution, ctx)
            except stepfunctions._ExecutionError:
                stepfunctions._add_event(execution, f"{kind}StateFailed")
                raise
            stepfunctions._add_event(execution, f"{kind}StateSucceeded")
            return result

        return run

    return bridged


def _map_started(execution: Execution, length: int) -> None:
    stepfunctions._add_event(execution, "MapStateStarted", {"mapStateStartedEventDetails": {"length": length}})


def _iteration(place: int, name: str, states: Any, start_at: str, given: Any, execution: Execution, ctx: Any) -> Any:
    def note(end: str) -> None:
        event_type = f"MapIteration{end}"
        stepfunctions._add_event(execution, event_type, _details(event_type, name=name, index=place))

    note("Started")
    try:
        result = stepfunctions._run_sub_machine(states, start_at, given, execution, ctx)
    except stepfunctions._ExecutionError:
        note("Failed")
        raise
    note("Succeeded")
    return result


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
    stepfunctions._bridge_map_started, stepfunctions._bridge_iteration = _map_started, _iteration
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
    patching.edit(
        stepfunctions,
        "_run_map_items",
        (
            "    errors = [None] * len(items)\n",
            "    errors = [None] * len(items)\n    _bridge_map_started(execution, len(items))\n",
        ),
        (
            "            results[idx] = _run_sub_machine(\n                iter_states,",
            '            results[idx] = _bridge_iteration(\n                idx, ctx["State"]["Name"], iter_states,',
        ),
    )
    for name, kind in (("_run_map_items", "Map"), ("_run_parallel_branches", "Parallel")):
        patching.replace(stepfunctions, name, _many(kind))
    patching.replace(
        stepfunctions,
        "_run_sub_machine",
        lambda _: run_sub_machine,
        'ctx["State"] = {"Name": current_name',
        "_execute_map",
    )
    patching.replace(stepfunctions, "_add_event", _add_event)
