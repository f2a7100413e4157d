"""The state machines as their files say, one generator per execution; expressions are evaluated by a JSONata engine.

Time is whoever's who drives the generator: it yields what it waits for (``Sleep``, ``Token``) and is sent what came of
it. A field, a type of state or a resource that is not known here is refused when the file is read, not skipped.

Source: docs.aws.amazon.com/step-functions/latest/dg (states, error handling, transforming data with JSONata).
``test_interpreter.py`` holds this to the same executions on the embedded AWS.
"""

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any, Protocol

import jsonata
from jsonata.utils import Utils

LAMBDA = "arn:aws:states:::lambda:invoke"
PUT_AND_WAIT = "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken"

_OF_ALL = {"Type", "Comment"}
_ENDS = {"Next", "End"}
_OF = {
    "Task": _OF_ALL | _ENDS | {"Resource", "Arguments", "TimeoutSeconds", "Retry", "Catch", "Assign", "Output"},
    "Choice": _OF_ALL | {"Choices", "Default", "Assign", "Output"},
    "Wait": _OF_ALL | _ENDS | {"Seconds", "Assign", "Output"},
    "Pass": _OF_ALL | _ENDS | {"Assign", "Output"},
    "Succeed": _OF_ALL | {"Output"},
    "Fail": _OF_ALL | {"Error", "Cause"},
}
_OF_CHOICE = {"Condition", "Next", "Assign", "Output", "Comment"}
_OF_RETRY = {
    "ErrorEquals",
    "IntervalSeconds",
    "BackoffRate",
    "MaxAttempts",
    "MaxDelaySeconds",
    "JitterStrategy",
    "Comment",
}
_OF_CATCH = {"ErrorEquals", "Next", "Assign", "Output", "Comment"}
_OF_MACHINE = {"Comment", "QueryLanguage", "StartAt", "TimeoutSeconds", "States"}


class UnknownDefinition(Exception):
    """The file uses something that this interpreter does not carry out."""


class StateError(Exception):
    """What Retry and Catch match."""

    def __init__(self, error: str, cause: str = "") -> None:
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


@dataclass(frozen=True)
class Sleep:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Token:
    """Wait for an answer to this token, for so many seconds: sent the output, or thrown a StateError."""

    token: str
    seconds: float


type Waits = Generator[Sleep | Token, Any, Any]


class Services(Protocol):
    """What states call. Each raises StateError."""

    def invoke(self, execution: "Execution", function_arn: str, payload: Any) -> Any:
        """Call a function; returns what it returned."""

    def put_item(self, execution: "Execution", arguments: Mapping[str, Any]) -> None:
        """DynamoDB PutItem."""

    def new_token(self, execution: "Execution") -> str:
        """A task token that nobody had."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def chance(self) -> float:
        """From 0 to 1, for jitter."""


@dataclass
class Execution:
    """One execution. visits: names of the states that it entered, in order."""

    arn: str
    name: str
    machine_arn: str
    input: Any
    started: float
    status: str = "RUNNING"
    visits: list[str] = field(default_factory=list)
    output: Any = None
    error: str | None = None
    cause: str | None = None
    stopped: float | None = None

    @property
    def state(self) -> str:
        """Where it is."""
        return self.visits[-1] if self.visits else ""


def check(definition: Mapping[str, Any]) -> None:
    """Raises UnknownDefinition for what would not be carried out."""
    _only(definition, _OF_MACHINE, "the machine")
    if definition.get("QueryLanguage") != "JSONata":
        raise UnknownDefinition("QueryLanguage must be JSONata")
    for name, state in definition["States"].items():
        if state["Type"] not in _OF:
            raise UnknownDefinition(f"{name}: type {state['Type']}")
        _only(state, _OF[state["Type"]], name)
        if state["Type"] == "Task" and state["Resource"] not in (LAMBDA, PUT_AND_WAIT):
            raise UnknownDefinition(f"{name}: resource {state['Resource']}")
        for parts, known in (("Retry", _OF_RETRY), ("Catch", _OF_CATCH), ("Choices", _OF_CHOICE)):
            for part in state.get(parts, []):
                _only(part, known, f"{name}: {parts}")


def _only(given: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(given) - known):
        raise UnknownDefinition(f"{where}: {', '.join(unknown)}")


class Interpreter:
    """Runs one definition for one execution."""

    def __init__(self, definition: Mapping[str, Any], execution: Execution, services: Services) -> None:
        self._definition = definition
        self._execution = execution
        self._services = services
        self._variables: dict[str, Any] = {}
        self._context: dict[str, Any] = {
            "Execution": {
                "Id": execution.arn,
                "Name": execution.name,
                "Input": execution.input,
                "StartTime": _iso(execution.started),
                "RoleArn": "arn:aws:iam::123456789012:role/machine",
            },
            "StateMachine": {"Id": execution.machine_arn, "Name": execution.machine_arn.rpartition(":")[2]},
        }

    def run(self) -> Waits:
        """From StartAt to the end. Returns the output; raises StateError if the execution fails."""
        deadline = self._services.now() + self._definition.get("TimeoutSeconds", float("inf"))
        steps = self._states()
        answer: Any = None
        error: StateError | None = None
        while True:
            try:
                wait = steps.throw(error) if error else steps.send(answer)
            except StopIteration as end:
                return end.value
            answer, error = None, None
            left = max(0.0, deadline - self._services.now())
            try:
                answer = yield (wait if wait.seconds < left else replace(wait, seconds=left))
            except StateError as raised:
                error = raised
            if wait.seconds >= left and (isinstance(wait, Sleep) or (error and error.error == "States.Timeout")):
                steps.close()
                raise MachineTimeout

    def _states(self) -> Waits:
        name, data = self._definition["StartAt"], self._execution.input
        while True:
            state = self._definition["States"][name]
            self._execution.visits.append(name)
            self._context["State"] = {"Name": name, "EnteredTime": _iso(self._services.now()), "RetryCount": 0}
            if state["Type"] == "Fail":
                raise StateError(
                    self._value(state.get("Error", "States.Failed"), data), self._value(state.get("Cause", ""), data)
                )
            name, data = yield from _KINDS[state["Type"]](self, state, data)
            if name is None:
                return data
            yield Sleep(0.0)

    # --- kinds of states: each returns (next state or None, output) ---------------------------------------------------

    def _choice(self, state: Mapping[str, Any], data: Any) -> Generator[Any, Any, tuple[str | None, Any]]:
        for choice in state["Choices"]:
            condition = self._value(choice["Condition"], data)
            if not isinstance(condition, bool):
                raise StateError("States.QueryEvaluationError", f"Condition must be a boolean: {choice['Condition']}")
            if condition:
                return choice["Next"], self._leave(choice, data, data)
        if "Default" not in state:
            raise StateError("States.NoChoiceMatched")
        return state["Default"], self._leave(state, data, data)
        yield

    def _wait(self, state: Mapping[str, Any], data: Any) -> Generator[Any, Any, tuple[str | None, Any]]:
        yield Sleep(float(self._value(state["Seconds"], data)))
        return state.get("Next"), self._leave(state, data, data)

    def _pass(self, state: Mapping[str, Any], data: Any) -> Generator[Any, Any, tuple[str | None, Any]]:
        return state.get("Next"), self._leave(state, data, data)
        yield

    def _succeed(self, state: Mapping[str, Any], data: Any) -> Generator[Any, Any, tuple[str | None, Any]]:
        return None, self._leave(state, data, data)
        yield

    def _task(self, state: Mapping[str, Any], data: Any) -> Generator[Any, Any, tuple[str | None, Any]]:
        tries = [0] * len(state.get("Retry", []))
        while True:
            try:
                result = yield from self._attempt(state, data)
                return state.get("Next"), self._leave(state, data, result, result=result)
            except StateError as error:
                place = _matching(state.get("Retry", []), error.error)
                if place is not None and tries[place] < state["Retry"][place].get("MaxAttempts", 3):
                    yield Sleep(self._pause(state["Retry"][place], tries[place]))
                    tries[place] += 1
                    self._context["State"]["RetryCount"] += 1
                    continue
                place = _matching(state.get("Catch", []), error.error)
                if place is None:
                    raise
                catch = state["Catch"][place]
                told = {"Error": error.error, "Cause": error.cause}
                return catch["Next"], self._leave(catch, data, told, error=told)

    def _attempt(self, state: Mapping[str, Any], data: Any) -> Waits:
        if state["Resource"] == LAMBDA:
            arguments = self._value(state["Arguments"], data)
            payload = self._services.invoke(self._execution, arguments["FunctionName"], arguments["Payload"])
            return {"Payload": payload, "StatusCode": 200, "ExecutedVersion": "$LATEST"}
        token = self._services.new_token(self._execution)
        self._context["Task"] = {"Token": token}
        try:
            arguments = self._value(state["Arguments"], data)
        finally:
            del self._context["Task"]
        self._services.put_item(self._execution, arguments)
        return (yield Token(token, float(state.get("TimeoutSeconds", 99_999_999))))

    def _pause(self, retry: Mapping[str, Any], tries: int) -> float:
        seconds = retry.get("IntervalSeconds", 1) * retry.get("BackoffRate", 2.0) ** tries
        seconds = min(seconds, retry.get("MaxDelaySeconds", seconds))
        return float(seconds * self._services.chance() if retry.get("JitterStrategy") == "FULL" else seconds)

    # --- data ---------------------------------------------------------------------------------------------------------

    def _leave(self, state: Mapping[str, Any], data: Any, output: Any, *, result: Any = None, error: Any = None) -> Any:
        """Assign, then Output: both see the variables as they were before."""
        assigned = self._value(state.get("Assign", {}), data, result, error)
        value = self._value(state["Output"], data, result, error) if "Output" in state else output
        self._variables |= assigned
        return value

    def _value(self, template: Any, data: Any, result: Any = None, error: Any = None) -> Any:
        """A field with every ``{% … %}`` in it evaluated."""
        if isinstance(template, Mapping):
            return {key: self._value(entry, data, result, error) for key, entry in template.items()}
        if isinstance(template, list):
            return [self._value(entry, data, result, error) for entry in template]
        if not (isinstance(template, str) and template.startswith("{%") and template.endswith("%}")):
            return template
        states = {"input": data, "context": self._context}
        states |= {} if result is None else {"result": result}
        states |= {} if error is None else {"errorOutput": error}
        return self._evaluate(template[2:-2].strip(), states)

    def _evaluate(self, expression: str, states: Mapping[str, Any]) -> Any:
        bindings = {name: Utils.NULL_VALUE if value is None else value for name, value in self._variables.items()}
        bindings["states"] = states
        try:
            value = self._engine(expression, bindings)
            # The engine gives None for null and for nothing at all; only the latter is an error.
            if value is None and not self._engine(f"$exists(({expression}))", bindings):
                raise StateError("States.QueryEvaluationError", f"the expression has no result: {expression}")
        except jsonata.JException as error:
            raise StateError("States.QueryEvaluationError", f"{expression}: {error}") from None
        return value

    def _engine(self, expression: str, bindings: Mapping[str, Any]) -> Any:
        compiled = _compiled(expression)
        compiled.register_lambda("millis", lambda: int(self._services.now() * 1000))
        return compiled.evaluate(None, bindings)


class MachineTimeout(Exception):
    """The machine's TimeoutSeconds are over: the execution is TIMED_OUT, and no Catch sees it."""


type Kind = Callable[[Interpreter, Mapping[str, Any], Any], Generator[Any, Any, tuple[str | None, Any]]]

_KINDS: dict[str, Kind] = {
    "Task": Interpreter._task,
    "Choice": Interpreter._choice,
    "Wait": Interpreter._wait,
    "Pass": Interpreter._pass,
    "Succeed": Interpreter._succeed,
}


@cache
def _compiled(expression: str) -> Any:
    return jsonata.Jsonata(expression)


def _matching(rules: Sequence[Mapping[str, Any]], error: str) -> int | None:
    """The first Retry or Catch for an error."""
    for place, rule in enumerate(rules):
        names = rule["ErrorEquals"]
        if error in names or "States.ALL" in names or ("States.TaskFailed" in names and error != "States.Timeout"):
            return place
    return None


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cause_of(error_type: str, message: str) -> str:
    """The Cause of a task whose function failed."""
    return json.dumps({"errorMessage": message, "errorType": error_type, "stackTrace": []})
