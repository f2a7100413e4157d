"""Step Functions: executions of the shipped machines, driven by virtual time, and the API that the product calls."""

import itertools
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from tests.faults import template
from tests.faults.functions import FunctionFailed
from tests.faults.interpreter import (
    Execution,
    Interpreter,
    MachineTimeout,
    Sleep,
    StateError,
    Token,
    Waits,
    cause_of,
    check,
)
from tests.faults.points import Kind
from tests.faults.refusals import OF_TASKS, Refused, known_only

_TRANSITION_SECONDS = 0.03


class Handle(Protocol):
    """Something that is to happen later."""

    def cancel(self) -> None:
        """It does not happen."""


class Around(Protocol):
    """What machines need of the world."""

    def after(self, seconds: float, what: Callable[[], None]) -> Handle: ...
    def now(self) -> float: ...
    def invoke(self, function: str, event: Any) -> Any: ...
    def put_request(self, params: Mapping[str, Any]) -> None: ...
    def lose_request(self, params: Mapping[str, Any]) -> None: ...
    def cross(self, caller: str, service: str, operation: str, effect: Callable[[], Any], **more: Any) -> Any: ...
    def announce(self, execution: Execution) -> None: ...


@dataclass
class _Run:
    execution: Execution
    steps: Waits
    token: str | None = None
    wake: Handle | None = None


class Machines:
    """All executions. executions: by ARN, ended ones too; tokens: by token, the ARN that waits or waited for it."""

    def __init__(self, around: Around, executions: dict[str, Execution], seed: int) -> None:
        self._around, self._random = around, random.Random(f"{seed} jitter")  # noqa: S311 - reproducible on purpose
        self._machines = {machine.arn: machine for machine in template.machines()}
        for machine in self._machines.values():
            check(machine.definition)
        self.executions = executions
        self._running: dict[str, _Run] = {}
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self.answers: list[tuple[str, str]] = []
        """(token, what came of the answer): ``taken``, or the code of the refusal."""

    # --- the API ------------------------------------------------------------------------------------------------------

    def call(self, operation: str, params: Mapping[str, Any], _: float) -> dict[str, Any]:
        """Answer a request of the product."""
        if operation not in _OPERATIONS:
            raise NotImplementedError(f"Step Functions {operation} is not known here")
        return _OPERATIONS[operation](self, params)

    def _start(self, params: Mapping[str, Any]) -> dict[str, Any]:
        known_only(params, "stateMachineArn", "name", "input")
        machine = self._machines.get(params["stateMachineArn"])
        if machine is None:
            raise Refused("StateMachineDoesNotExist", f"State Machine Does Not Exist: {params['stateMachineArn']}")
        arn = f"{machine.arn.replace(':stateMachine:', ':execution:')}:{params['name']}"
        given = json.loads(params.get("input", "{}"))
        if known := self.executions.get(arn):
            if known.status != "RUNNING" or known.input != given:
                raise Refused("ExecutionAlreadyExists", f"Execution Already Exists: '{arn}'")
            return {"executionArn": arn, "startDate": known.started}
        execution = Execution(arn, params["name"], machine.arn, given, self._around.now())
        self.executions[arn] = execution
        run = _Run(execution, Interpreter(machine.definition, execution, self).run())
        self._running[arn] = run
        run.wake = self._around.after(_TRANSITION_SECONDS, lambda: self._go_on(run))
        self._around.announce(execution)
        return {"executionArn": arn, "startDate": execution.started}

    def _describe(self, params: Mapping[str, Any]) -> dict[str, Any]:
        execution = self.executions.get(params["executionArn"])
        if execution is None:
            raise Refused("ExecutionDoesNotExist", f"Execution Does Not Exist: '{params['executionArn']}'")
        answer = {
            "executionArn": execution.arn,
            "stateMachineArn": execution.machine_arn,
            "name": execution.name,
            "status": execution.status,
            "startDate": execution.started,
            "input": json.dumps(execution.input),
            "stopDate": execution.stopped,
            "error": execution.error,
            "cause": execution.cause,
        }
        return {key: value for key, value in answer.items() if value is not None}

    def _history(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The states that were entered, and nothing else; all on one page."""
        known_only(params, "executionArn", "reverseOrder", "includeExecutionData")
        execution = self.executions.get(params["executionArn"])
        if execution is None:
            raise Refused("ExecutionDoesNotExist", f"Execution Does Not Exist: '{params['executionArn']}'")
        events = [
            {"id": number, "stateEnteredEventDetails": {"name": state}}
            for number, state in enumerate(execution.visits, start=1)
        ]
        return {"events": events[::-1] if params.get("reverseOrder") else events}

    def _success(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return self._answer(params["taskToken"], json.loads(params["output"]), None)

    def _failure(self, params: Mapping[str, Any]) -> dict[str, Any]:
        error = StateError(params.get("error", "States.TaskFailed"), params.get("cause", ""))
        return self._answer(params["taskToken"], None, error)

    def _answer(self, token: str, output: Any, error: StateError | None) -> dict[str, Any]:
        run = self._running.get(self._tokens.get(token, ""))
        if token not in self._tokens:
            self.answers.append((token, "InvalidToken"))
            raise Refused("InvalidToken", "Invalid Token: 'Invalid token'")
        if run is None or run.token != token:
            self.answers.append((token, "TaskTimedOut"))
            raise Refused("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
        self.answers.append((token, "taken"))
        self._cancel(run)
        run.wake = self._around.after(_TRANSITION_SECONDS, lambda: self._go_on(run, output, error))
        return {}

    def stop(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """StopExecution."""
        run = self._running.get(params["executionArn"])
        if run is not None:
            self._cancel(run)
            run.steps.close()
            self._end(run, "ABORTED", params.get("error"), params.get("cause"))
        elif params["executionArn"] not in self.executions:
            raise Refused("ExecutionDoesNotExist", "Execution Does Not Exist")
        return {"stopDate": self._around.now()}

    @property
    def running(self) -> list[Execution]:
        """Executions that have not ended."""
        return [run.execution for run in self._running.values()]

    # --- driving ------------------------------------------------------------------------------------------------------

    def _go_on(self, run: _Run, value: Any = None, error: StateError | None = None) -> None:
        run.wake = None
        try:
            wait = run.steps.throw(error) if error else run.steps.send(value)
        except StopIteration as end:
            run.execution.output = end.value
            self._end(run, "SUCCEEDED")
        except StateError as failure:
            self._end(run, "FAILED", failure.error, failure.cause)
        except MachineTimeout:
            self._end(run, "TIMED_OUT")
        else:
            self._wait(run, wait)

    def _wait(self, run: _Run, wait: Sleep | Token) -> None:
        if isinstance(wait, Token):
            run.token = wait.token
            late = StateError("States.Timeout", "")
            run.wake = self._around.after(wait.seconds, lambda: self._time_out(run, late))
        else:
            run.wake = self._around.after(wait.seconds + _TRANSITION_SECONDS, lambda: self._go_on(run))

    def _time_out(self, run: _Run, late: StateError) -> None:
        run.token = None
        self._go_on(run, error=late)

    def _cancel(self, run: _Run) -> None:
        run.token = None
        if run.wake:
            run.wake.cancel()

    def _end(self, run: _Run, status: str, error: str | None = None, cause: str | None = None) -> None:
        execution = run.execution
        del self._running[execution.arn]
        execution.status, execution.error, execution.cause = status, error, cause
        execution.stopped = self._around.now()
        self._around.announce(execution)

    # --- what states call (interpreter.Services) ----------------------------------------------------------------------

    def invoke(self, execution: Execution, function_arn: str, payload: Any) -> Any:
        name = function_arn.rpartition(":")[2]
        try:
            return self._crossed(execution, "lambda", "Invoke", lambda: self._around.invoke(name, payload), detail=name)
        except FunctionFailed as failed:
            raise StateError(failed.error, cause_of(failed.error, failed.message)) from None

    def put_item(self, execution: Execution, arguments: Mapping[str, Any]) -> None:
        self._crossed(
            execution,
            "dynamodb",
            "PutItem",
            lambda: self._around.put_request(arguments),
            detail=arguments["TableName"],
            lose=lambda: self._around.lose_request(arguments),
        )

    def _crossed(
        self,
        execution: Execution,
        service: str,
        operation: str,
        effect: Callable[[], Any],
        *,
        detail: str,
        lose: Callable[[], None] = lambda: None,
    ) -> Any:
        def refusal(what: str, message: str) -> Exception:
            name = OF_TASKS.get((service, what)) or f"{'Lambda' if service == 'lambda' else 'DynamoDb'}.{what}"
            return StateError(name, message or f"{what} (injected)")

        def then(what: str) -> None:
            if what == Kind.LOST:
                lose()
            elif what == Kind.STOPPED:
                self._around.after(0.0, lambda: self.stop({"executionArn": execution.arn}))

        caller = f"{execution.machine_arn.rpartition('-')[2]}.{execution.state}"
        more = {"detail": detail, "refusal": refusal, "then": then}
        return self._around.cross(caller, service, operation, effect, **more)

    def new_token(self, execution: Execution) -> str:
        token = f"token-{next(self._numbers)}"
        self._tokens[token] = execution.arn
        return token

    def now(self) -> float:
        return self._around.now()

    def chance(self) -> float:
        return self._random.random()


_OPERATIONS: dict[str, Callable[[Machines, Mapping[str, Any]], dict[str, Any]]] = {
    "StartExecution": Machines._start,
    "DescribeExecution": Machines._describe,
    "GetExecutionHistory": Machines._history,
    "SendTaskSuccess": Machines._success,
    "SendTaskFailure": Machines._failure,
    "StopExecution": Machines.stop,
}
