"""Executions: a token per attempt, answered once; idempotent starts; the machine's time limit; throttled calls by their
name.

AWS: a new task token for each attempt; a token is answered once, later answers get TaskTimedOut; StartExecution with
the name and input of a running execution is a success; a state machine's TimeoutSeconds ends it as TIMED_OUT; an
execution that ended does nothing more; a throttled Lambda is Lambda.TooManyRequestsException.
Stock MiniStack: one token for all attempts; a second answer is accepted; ExecutionAlreadyExists; no machine time limit;
tasks of a stopped execution go on retrying and write history; a throttle is Lambda.Unknown; Output of a JSONata Succeed
state is ignored; every execution first sleeps for 0.15 s, before its first state is entered.

Source: docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html, …/API_SendTaskSuccess.html,
…/dg/concepts-error-handling.html. Different: RedriveExecution is unknown, and so are ItemBatcher and a distributed Map
in JSONata; TimeoutSeconds of a state is a number, never an expression; quotas of starts and transitions are the
quota model's.

Upstream: in part, each alone: a token per attempt, answers only once, idempotent starts, the machine's time limit.
"""

from __future__ import annotations

import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import Any

from ministack.core.responses import error_response_json, json_response, now_iso
from ministack.services import stepfunctions

from local_aws import patching
from local_aws.services.aws_lambda import environment
from local_aws.settings import Settings

running: ContextVar[Run | None] = ContextVar("running", default=None)
_runs: dict[str, Run] = {}
_tokens: dict[str, Run | None] = {}  # every token ever given out, so that a late answer is told from a wrong one
_answering = threading.Lock()
_NAME = re.compile(r"[A-Za-z0-9_\-.+=@,]{1,80}")  # a subset of AWS's: it forbids spaces, brackets, wildcards, "#%…
_TERMINAL = {"ExecutionSucceeded", "ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"}


class Run:
    """A running execution: what waits in it ends when it is over."""

    def __init__(self, execution: dict[str, Any], role_arn: str) -> None:
        self.execution, self.role_arn = execution, role_arn
        self.over = threading.Event()

    def end(self) -> None:
        """Wake sleeping retries and waiting tasks: the execution reached a final status."""
        self.over.set()
        for token, info in stepfunctions._task_tokens.items():
            if _tokens.get(token) is self:
                info["error"] = {"Error": "States.Runtime", "Cause": "The execution is over."}
                info["event"].set()


_Store: Any = type(stepfunctions._task_tokens)


class _Tokens(_Store):
    """A store of MiniStack's waiting tokens, which also notes whose they are."""

    def __setitem__(self, token: str, info: dict[str, Any]) -> None:
        _tokens[token] = running.get()
        super().__setitem__(token, info)


def _answer(original: Any) -> Any:
    def answer(data: dict[str, Any]) -> Any:
        token = data.get("taskToken", "")
        if token not in _tokens:
            return error_response_json("InvalidToken", "Invalid Token: 'Invalid token'", 400)
        with _answering:
            info = stepfunctions._task_tokens.get(token)
            if info is None or info["event"].is_set():
                message = "Task Timed Out: 'Provided task does not exist anymore'"
                return error_response_json("TaskTimedOut", message, 400)
            if "output" in data:
                try:
                    json.loads(data["output"])
                except ValueError:
                    return error_response_json("InvalidOutput", "Invalid Output: 'Output is not valid JSON'", 400)
            return original(data)

    return answer


def succeed(state: dict[str, Any], given: Any, ctx: Any) -> Any:
    """Return a Succeed state's output."""
    if stepfunctions._state_query_language(state, ctx) == "JSONata":
        return stepfunctions._apply_jsonata_output(state, given, ctx, default=given)
    return stepfunctions._apply_output_path(state, stepfunctions._apply_input_path(state, given, ctx), ctx)


def _invoke_resource_with_timeout(_: Any) -> Any:
    def invoke_resource_with_timeout(resource: str, given: Any, timeout: float) -> Any:
        """Return the task's result. Its time begins when a process takes the call: on AWS there is always one."""
        taken = threading.Event()
        environment.taken.set(taken)
        pool = ThreadPoolExecutor(max_workers=1)
        task = pool.submit(copy_context().run, stepfunctions._invoke_resource, resource, given)
        task.add_done_callback(lambda _: taken.set())
        pool.shutdown(wait=False)
        if ":lambda:" in resource:
            taken.wait()
        try:
            return task.result(timeout)
        except TimeoutError:
            message = f"Task timed out after {timeout} seconds"
            raise stepfunctions._ExecutionError("States.Timeout", message) from None

    return invoke_resource_with_timeout


def _start_execution(original: Any) -> Any:
    def start_execution(data: dict[str, Any]) -> Any:
        name = data.get("name")
        if name is not None and not _NAME.fullmatch(name):
            return error_response_json("InvalidName", f"Invalid Name: '{name}'", 400)
        machine = stepfunctions._state_machines.get(data.get("stateMachineArn", ""))
        if name and machine:
            arn = f"{machine['stateMachineArn'].replace(':stateMachine:', ':execution:')}:{name}"
            known = stepfunctions._executions.get(arn)
            if known and known["status"] == "RUNNING" and known["input"] == data.get("input", "{}"):
                return json_response({"executionArn": arn, "startDate": known["startDate"]})
        return original(data)

    return start_execution


def _run_execution(original: Any) -> Any:
    def run_execution(execution_arn: str) -> None:
        execution = stepfunctions._executions.get(execution_arn)
        machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) if execution else None
        if not execution or not machine:
            return original(execution_arn)
        run = _runs[execution_arn] = Run(execution, machine["roleArn"])
        running.set(run)
        limit = json.loads(machine["definition"]).get("TimeoutSeconds")
        timer = threading.Timer(limit, _time_out, (run,)) if limit else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            return original(execution_arn)
        finally:
            if timer:
                timer.cancel()
            del _runs[execution_arn]

    return run_execution


def _time_out(run: Run) -> None:
    execution = run.execution
    if execution["status"] != "RUNNING":
        return
    execution.update(status="TIMED_OUT", stopDate=now_iso(), error="States.Timeout", cause=None)
    stepfunctions._add_event(
        execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
    )
    account, region = execution["executionArn"].split(":")[4], execution["executionArn"].split(":")[3]
    with stepfunctions.request_scope(account, region):
        stepfunctions._emit_execution_status_event(execution)
        run.end()


def _stop_execution(original: Any) -> Any:
    def stop_execution(data: dict[str, Any]) -> Any:
        answer = original(data)
        if run := _runs.get(data.get("executionArn", "")):
            run.end()
        return answer

    return stop_execution


def _add_event(original: Any) -> Any:
    def add_event(execution: dict[str, Any], event_type: str, details: Any = None) -> Any:
        if execution.get("status", "RUNNING") != "RUNNING" and event_type not in _TERMINAL:
            return {}  # what a task of an ended execution still does is no longer its history
        return original(execution, event_type, details)

    return add_event


def _fail_execution(original: Any) -> Any:
    def fail_execution(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            original(execution, error, cause)

    return fail_execution


_AT_ONCE = ("    time.sleep(0.15)\n\n", "")
_SUCCEED = (
    "                current_input = _apply_input_path(state_def, current_input, ctx)\n"
    "                current_input = _apply_output_path(state_def, current_input, ctx)\n",
    "                current_input = _bridge_succeed(state_def, current_input, ctx)\n",
)
_NO_TOKEN_FOR_ALL = ('    if is_callback:\n        ctx["Task"] = {"Token": new_uuid()}\n', "")
_TOKEN_PER_ATTEMPT = (
    '        ctx["State"]["RetryCount"] = sum(retry_counts.values())\n',
    '        ctx["State"]["RetryCount"] = sum(retry_counts.values())\n'
    '        if is_callback:\n            ctx["Task"] = {"Token": new_uuid()}\n',
)
_THROTTLED = (
    '    if result.get("error"):\n',
    '    if result.get("throttle"):\n'
    '        raise _ExecutionError("Lambda.TooManyRequestsException", json.dumps(result["body"]))\n'
    '    if result.get("error"):\n',
)
_REDRIVABLE = ("redrivable = failed ", 'redrivable = status in ("FAILED", "TIMED_OUT", "ABORTED") ')
_CALLED_IN_POOL = "pool.submit(contextvars.copy_context().run, _invoke_resource, resource, input_data)"


def install(settings: Settings) -> None:
    from ministack.core.responses import request_scope

    stepfunctions.request_scope = request_scope
    stepfunctions._bridge_succeed = succeed
    store = _Tokens()
    patching.edit(stepfunctions, "_run_execution", _AT_ONCE, _SUCCEED)
    patching.edit(stepfunctions, "_execute_task", _NO_TOKEN_FOR_ALL, _TOKEN_PER_ATTEMPT)
    patching.edit(stepfunctions, "_call_lambda", _THROTTLED)
    patching.edit(stepfunctions, "_emit_execution_status_event", _REDRIVABLE)
    patching.replace(stepfunctions, "_task_tokens", lambda _: store)
    for name, make, *fragments in (
        ("_invoke_resource_with_timeout", _invoke_resource_with_timeout, _CALLED_IN_POOL),
        ("_send_task_success", _answer, "info = _task_tokens.get(token)", '"TaskDoesNotExist"'),
        ("_send_task_failure", _answer, "info = _task_tokens.get(token)", '"TaskDoesNotExist"'),
        ("_start_execution", _start_execution, "if exec_arn in _executions", "_run_execution, exec_arn"),
        ("_run_execution", _run_execution, 'while current_name and execution["status"] == "RUNNING"'),
        ("_stop_execution", _stop_execution, 'execution["status"] = "ABORTED"'),
        ("_add_event", _add_event, 'execution["events"].append(event)'),
        ("_fail_execution", _fail_execution, 'execution["status"] = "FAILED"'),
    ):
        patching.replace(stepfunctions, name, make, *fragments)
