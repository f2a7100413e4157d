"""The interpreter of state machines carries out what it knows and refuses what it does not.

That it does with the shipped files what the deployed stack does: tests/workflow/test_in_process.py.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.faults.interpreter import (
    LAMBDA,
    PUT_AND_WAIT,
    Execution,
    Interpreter,
    MachineTimeout,
    Sleep,
    StateError,
    Token,
    UnknownDefinition,
    check,
)

SECONDS = 1_800_000_000.0


class Services:
    """Answers what it is told to answer, one after the other; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.asked, self.clock = list(answers), [], SECONDS  # type: ignore[var-annotated]

    def invoke(self, execution: Execution, function_arn: str, payload: Any) -> Any:
        self.asked.append(payload)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def put_item(self, execution: Execution, arguments: Mapping[str, Any]) -> None:
        self.asked.append(arguments)

    def new_token(self, execution: Execution) -> str:
        return f"token-{len(self.asked)}"

    def now(self) -> float:
        return self.clock

    def chance(self) -> float:
        return 0.5


def machine(*states: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"QueryLanguage": "JSONata", "StartAt": states[0][0], "States": dict(states), **more}


def task(**more: Any) -> dict[str, Any]:
    arguments = {"FunctionName": "f", "Payload": {"try": "{% $states.context.State.RetryCount %}"}}
    return {"Type": "Task", "Resource": LAMBDA, "Arguments": arguments, "TimeoutSeconds": 60, **more}


DONE = ("Done", {"Type": "Succeed"})


def carried_out(
    definition: dict[str, Any], services: Services, answers: Mapping[str, Any] | None = None
) -> tuple[Execution, Any, list[float]]:
    """The execution, its output or error, and how long it slept. answers: by token; one without times out."""
    execution = Execution("arn", "name", "machine", {"tenant_id": "granja"}, SECONDS)
    steps, slept, value, error = Interpreter(definition, execution, services).run(), [], None, None
    while True:
        try:
            wait = steps.throw(error) if error else steps.send(value)
        except StopIteration as end:
            return execution, end.value, slept
        except (StateError, MachineTimeout) as failure:
            return execution, failure, slept
        value, error = None, None
        if isinstance(wait, Sleep):
            services.clock += wait.seconds
            slept += [wait.seconds] if wait.seconds else []
        elif wait.token in (answers or {}):
            value = (answers or {})[wait.token]
        else:
            services.clock += wait.seconds
            error = StateError("States.Timeout")


@pytest.mark.parametrize(
    "broken",
    [
        machine(("A", {"Type": "Parallel", "Branches": []})),
        machine(("A", {"Type": "Map"})),
        machine(("A", task(Resource="arn:aws:states:::sqs:sendMessage"))),
        machine(("A", task(HeartbeatSeconds=3))),
        machine(("A", task(Retry=[{"ErrorEquals": ["X"], "Unheard": 1}]))),
        machine(("A", {"Type": "Choice", "Choices": [{"Variable": "$.x", "Next": "A"}]})),
        {**machine(DONE), "QueryLanguage": "JSONPath"},
    ],
    ids=["parallel", "map", "resource", "heartbeat", "retry", "json path", "language"],
)
def test_what_is_not_known_is_refused_when_the_file_is_read(broken: dict[str, Any]) -> None:
    with pytest.raises(UnknownDefinition):
        check(broken)


def test_retries_back_off_with_jitter_and_count() -> None:
    busy = StateError("Busy")
    services = Services(busy, busy, {"fine": True})
    retry = {
        "ErrorEquals": ["Busy"],
        "IntervalSeconds": 2,
        "BackoffRate": 3,
        "MaxAttempts": 2,
        "JitterStrategy": "FULL",
    }
    execution, output, slept = carried_out(machine(("A", task(Retry=[retry], Next="Done")), DONE), services)

    assert output["Payload"] == {"fine": True}
    assert slept == [1.0, 3.0]
    assert [payload["try"] for payload in services.asked] == [0, 1, 2]
    assert execution.visits == ["A", "Done"]


def test_retries_that_are_used_up_are_caught_with_what_went_wrong() -> None:
    catch = {
        "ErrorEquals": ["States.ALL"],
        "Assign": {"failure": "{% $states.errorOutput.Error & '/' & $states.errorOutput.Cause %}"},
        "Next": "Bad",
    }
    retry = {"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 1}
    definition = machine(
        ("A", task(Retry=[retry], Catch=[catch], Next="Done")),
        DONE,
        ("Bad", {"Type": "Fail", "Error": "{% $failure %}"}),
    )
    execution, failure, _ = carried_out(definition, Services(StateError("Busy"), StateError("Busy", "why")))

    assert failure.error == "Busy/why"
    assert execution.visits == ["A", "Bad"]


def test_a_token_that_nobody_answers_times_out_and_a_new_one_is_made() -> None:
    arguments = {"TableName": "t", "Item": {"token": {"S": "{% $states.context.Task.Token %}"}}}
    retry = {"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 2}
    state = {"Type": "Task", "Resource": PUT_AND_WAIT, "Arguments": arguments, "TimeoutSeconds": 600, "Retry": [retry]}
    services = Services()
    _, output, _ = carried_out(machine(("A", state | {"Next": "Done"}), DONE), services, {"token-1": {"changed": True}})

    assert output == {"changed": True}
    assert [put["Item"]["token"]["S"] for put in services.asked] == ["token-0", "token-1"]
    assert services.clock - SECONDS > 600


def test_a_machine_that_runs_too_long_is_over_whatever_it_waits_for() -> None:
    definition = machine(("A", {"Type": "Wait", "Seconds": 500, "Next": "A"}), TimeoutSeconds=1200)
    execution, failure, slept = carried_out(definition, Services())

    assert isinstance(failure, MachineTimeout)
    assert sum(slept) == 1200
    assert execution.visits == ["A", "A", "A"]


def test_a_choice_takes_the_first_condition_that_holds_and_assigns_see_what_was_before() -> None:
    count = {"Type": "Pass", "Assign": {"n": "{% $n + 1 %}", "before": "{% $n %}"}, "Next": "Enough"}
    definition = machine(
        ("Begin", {"Type": "Pass", "Assign": {"n": 0}, "Next": "Count"}),
        ("Count", count),
        ("Enough", {"Type": "Choice", "Choices": [{"Condition": "{% $n = 3 %}", "Next": "Done"}], "Default": "Count"}),
        ("Done", {"Type": "Succeed", "Output": {"n": "{% $n %}", "before": "{% $before %}"}}),
    )
    _, output, _ = carried_out(definition, Services())

    assert output == {"n": 3, "before": 2}


@pytest.mark.parametrize(("expression", "gives"), [("null", None), ("$states.input.tenant_id", "granja")])
def test_null_is_a_value(expression: str, gives: Any) -> None:
    _, output, _ = carried_out(machine(("Done", {"Type": "Succeed", "Output": f"{{% {expression} %}}"})), Services())
    assert output == gives


@pytest.mark.parametrize("expression", ["$states.input.nothing", "$nothing", "1 +", "$unheard()"])
def test_an_expression_without_a_result_fails_the_state(expression: str) -> None:
    definition = machine(("Done", {"Type": "Succeed", "Output": f"{{% {expression} %}}"}))
    _, failure, _ = carried_out(definition, Services())
    assert failure.error == "States.QueryEvaluationError"


def test_states_wait_for_tokens_as_long_as_they_say() -> None:
    state = {
        "Type": "Task",
        "Resource": PUT_AND_WAIT,
        "Arguments": {"TableName": "t"},
        "TimeoutSeconds": 600,
        "End": True,
    }
    execution = Execution("arn", "name", "machine", {}, SECONDS)
    assert next(Interpreter(machine(("A", state)), execution, Services()).run()) == Token("token-0", 600.0)
