"""Step Functions: executions, task tokens, retries, time limits, the machine's role."""

from __future__ import annotations

import json
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .case import case

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_aws.tests.conformance.cloud import Cloud
    from local_aws.tests.conformance.emulator import Emulator

execution_case = partial(case, bridge="step_functions.executions")

PUT_AND_WAIT = "arn:aws:states:::aws-sdk:dynamodb:putItem.waitForTaskToken"
INVOKE = "arn:aws:states:::lambda:invoke"


def one_task(task: dict[str, Any], **machine: Any) -> dict[str, Any]:
    """A machine of one Task; JSONata."""
    return {"StartAt": "Work", "States": {"Work": {"Type": "Task", "End": True, **task}}, **machine}


def ask(table: str, **more: Any) -> dict[str, Any]:
    """A task that puts {pk, sk: attempt, token} into the table and waits for its answer."""
    item = {
        "pk": {"S": "{% $states.context.Execution.Name %}"},
        "sk": {"N": "{% $string($states.context.State.RetryCount) %}"},
        "token": {"S": "{% $states.context.Task.Token %}"},
    }
    return {"Resource": PUT_AND_WAIT, "Arguments": {"TableName": table, "Item": item}, "TimeoutSeconds": 20, **more}


def requests(cloud: Cloud, table: str) -> list[dict[str, Any]]:
    items = cloud.aws("dynamodb").scan(TableName=table, ConsistentRead=True)["Items"]
    return sorted(
        ({name: next(iter(value.values())) for name, value in item.items()} for item in items), key=lambda i: i["sk"]
    )


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


@case(
    "putItem.waitForTaskToken waits, and SendTaskSuccess's output is the result",
    source="Step Functions Developer Guide, Wait for a callback with task token",
    bridge=None,
)
def test_a_request_row_with_a_token_is_answered_and_the_output_is_the_answer(cloud: Cloud) -> None:
    table, _ = cloud.table()
    machine = cloud.machine(one_task(ask(table, Output="{% $states.result.answer %}")))
    arn = cloud.aws("stepfunctions").start_execution(stateMachineArn=machine, input="{}")["executionArn"]
    (request,) = cloud.until(lambda: requests(cloud, table))
    cloud.aws("stepfunctions").send_task_success(taskToken=request["token"], output='{"answer": "done"}')
    assert json.loads(cloud.ended(arn)["output"]) == "done"


@execution_case(
    "each attempt has a token of its own; the earlier one is TaskTimedOut",
    source="Step Functions Developer Guide, Wait for a callback with task token",
)
def test_each_attempt_has_a_token_of_its_own(cloud: Cloud) -> None:
    table, _ = cloud.table()
    retry = [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxDelaySeconds": 1, "MaxAttempts": 2}]
    states = cloud.aws("stepfunctions")
    arn = states.start_execution(stateMachineArn=cloud.machine(one_task(ask(table, Retry=retry))), input="{}")[
        "executionArn"
    ]
    (first,) = cloud.until(lambda: requests(cloud, table))
    states.send_task_failure(taskToken=first["token"], error="Busy", cause="again, please")
    _, second = cloud.until(lambda: len(found := requests(cloud, table)) == 2 and found)
    assert first["token"] != second["token"]
    assert code_of(lambda: states.send_task_success(taskToken=first["token"], output="{}")) == "TaskTimedOut"
    states.send_task_success(taskToken=second["token"], output="{}")
    assert cloud.ended(arn)["status"] == "SUCCEEDED"


@execution_case("a token is answered once", source="Step Functions API Reference, SendTaskSuccess, TaskTimedOut")
def test_a_token_is_answered_once(cloud: Cloud) -> None:
    table, _ = cloud.table()
    states = cloud.aws("stepfunctions")
    states.start_execution(stateMachineArn=cloud.machine(one_task(ask(table))), input="{}")
    (request,) = cloud.until(lambda: requests(cloud, table))
    outcomes: list[str] = []

    def answer() -> None:
        try:
            states.send_task_success(taskToken=request["token"], output="{}")
            outcomes.append("accepted")
        except ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=answer) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["TaskTimedOut"] * 4 + ["accepted"]


@execution_case(
    "a token that never was is InvalidToken; an answer that is not JSON is InvalidOutput",
    source="Step Functions API Reference, SendTaskSuccess, Errors",
)
def test_a_token_that_never_was_is_invalid_and_so_is_an_answer_that_is_not_json(cloud: Cloud) -> None:
    table, _ = cloud.table()
    states = cloud.aws("stepfunctions")
    assert code_of(lambda: states.send_task_success(taskToken="never", output="{}")) == "InvalidToken"
    states.start_execution(stateMachineArn=cloud.machine(one_task(ask(table))), input="{}")
    (request,) = cloud.until(lambda: requests(cloud, table))
    assert code_of(lambda: states.send_task_success(taskToken=request["token"], output="{")) == "InvalidOutput"


@execution_case(
    "a task without an answer fails with States.Timeout after TimeoutSeconds, and its token with it",
    source="Step Functions Developer Guide, Task workflow state, TimeoutSeconds",
)
def test_a_task_that_gets_no_answer_times_out_and_its_token_with_it(cloud: Cloud) -> None:
    table, _ = cloud.table()
    ended = cloud.run(cloud.machine(one_task(ask(table, TimeoutSeconds=1))))
    assert (ended["status"], ended["error"]) == ("FAILED", "States.Timeout")
    (request,) = requests(cloud, table)
    states = cloud.aws("stepfunctions")
    assert code_of(lambda: states.send_task_success(taskToken=request["token"], output="{}")) == "TaskTimedOut"


@case(
    "errors of the DynamoDB integration are called DynamoDb.…",
    source="Step Functions Developer Guide, Integrating with AWS SDK services, error names",
    bridge=None,
)
def test_errors_of_the_dynamodb_integration_carry_its_prefix(cloud: Cloud) -> None:
    ended = cloud.run(cloud.machine(one_task(ask("no-such-table"))))
    assert ended["error"] == "DynamoDb.ResourceNotFoundException"


@execution_case(
    "StartExecution with a running one's name and input succeeds and starts nothing; else ExecutionAlreadyExists",
    source="Step Functions API Reference, StartExecution",
)
def test_starting_a_running_execution_again_is_a_success_with_the_same_input_only(cloud: Cloud) -> None:
    table, _ = cloud.table()
    machine = cloud.machine(one_task(ask(table)))
    states = cloud.aws("stepfunctions")

    def start(given: str) -> Any:
        return states.start_execution(stateMachineArn=machine, name="apple-1", input=given)

    first, second = start('{"a": 1}'), start('{"a": 1}')
    assert (first["executionArn"], first["startDate"]) == (second["executionArn"], second["startDate"])
    assert code_of(lambda: start('{"a": 2}')) == "ExecutionAlreadyExists"
    (request,) = cloud.until(lambda: requests(cloud, table))
    states.send_task_success(taskToken=request["token"], output="{}")
    cloud.ended(first["executionArn"])
    assert code_of(lambda: start('{"a": 1}')) == "ExecutionAlreadyExists"
    assert code_of(lambda: states.start_execution(stateMachineArn=machine, name="a b")) == "InvalidName"


@case(
    "MaxDelaySeconds caps the growing delay of a Retry",
    source="Step Functions Developer Guide, Handling errors, Retry fields",
    bridge="step_functions.retry",
)
def test_the_retry_delay_is_capped_and_grows_beyond_the_cap_only_without_it(cloud: Cloud) -> None:
    function = cloud.function("def handler(event, context): raise TimeoutError('slow')")
    retry = [
        {
            "ErrorEquals": ["TimeoutError"],
            "IntervalSeconds": 1,
            "BackoffRate": 10,
            "MaxDelaySeconds": 2,
            "MaxAttempts": 2,
        }
    ]
    task = {"Resource": INVOKE, "Arguments": {"FunctionName": function, "Payload": {}}, "Retry": retry}
    started = time.monotonic()
    assert cloud.run(cloud.machine(one_task(task)))["error"] == "TimeoutError"
    assert 2.9 < time.monotonic() - started < 5.5


@case(
    "JitterStrategy FULL spreads retries between zero and the delay",
    source="Step Functions Developer Guide, Handling errors, Retry fields",
    bridge="step_functions.retry",
)
def test_full_jitter_spreads_the_retries(cloud: Cloud) -> None:
    function = cloud.function("def handler(event, context): raise TimeoutError('slow')")
    retry = [
        {
            "ErrorEquals": ["TimeoutError"],
            "IntervalSeconds": 2,
            "BackoffRate": 1,
            "MaxAttempts": 1,
            "JitterStrategy": "FULL",
        }
    ]
    task = {"Resource": INVOKE, "Arguments": {"FunctionName": function, "Payload": {}}, "Retry": retry}
    machine = cloud.machine(one_task(task))
    states = cloud.aws("stepfunctions")
    arns = [states.start_execution(stateMachineArn=machine, input="{}")["executionArn"] for _ in range(8)]
    times = []
    for arn in arns:
        ended = cloud.ended(arn)
        times.append((ended["stopDate"] - ended["startDate"]).total_seconds())
    assert max(times) - min(times) > 0.2
    assert min(times) < 1.8


@case(
    "Retry and Catch match an exception's own name, never a parent's",
    source="Step Functions Developer Guide, Handling errors, Error names",
    bridge="aws_lambda.environment",
)
def test_retry_and_catch_match_the_exceptions_own_name_only(cloud: Cloud) -> None:
    function = cloud.function(
        """
        class TransientError(Exception): ...
        class ZoneBusy(TransientError): ...
        def handler(event, context): raise ZoneBusy("no")
        """
    )

    def caught_by(name: str) -> str:
        catch = [{"ErrorEquals": [name], "Next": "Caught", "Output": "{% $states.errorOutput %}"}]
        task = {"Resource": INVOKE, "Arguments": {"FunctionName": function, "Payload": {}}, "Catch": catch}
        definition = one_task(task)
        definition["States"]["Caught"] = {"Type": "Pass", "End": True}
        return str(cloud.run(cloud.machine(definition))["status"])

    assert caught_by("ZoneBusy") == "SUCCEEDED"
    assert caught_by("States.ALL") == "SUCCEEDED"
    assert caught_by("TransientError") == "FAILED"


@case(
    "the cause of a failed function is its error object, as JSON",
    source="Step Functions Developer Guide, Handling errors, Lambda",
    bridge="aws_lambda.environment",
)
def test_the_cause_of_a_failed_function_is_its_error_object(cloud: Cloud) -> None:
    function = cloud.function("def handler(event, context): raise LookupError('apple')")
    ended = cloud.run(
        cloud.machine(one_task({"Resource": INVOKE, "Arguments": {"FunctionName": function, "Payload": {}}}))
    )
    cause = json.loads(ended["cause"])
    assert (ended["error"], cause["errorType"], cause["errorMessage"]) == ("LookupError", "LookupError", "apple")


@execution_case(
    "a throttled function fails with Lambda.TooManyRequestsException",
    source="Step Functions Developer Guide, Best practices, Handle transient Lambda service exceptions",
)
def test_a_throttled_function_has_its_own_error_name(cloud: Cloud) -> None:
    function = cloud.function("def handler(event, context): ...")
    cloud.aws("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    ended = cloud.run(
        cloud.machine(one_task({"Resource": INVOKE, "Arguments": {"FunctionName": function, "Payload": {}}}))
    )
    assert ended["error"] == "Lambda.TooManyRequestsException"


@execution_case(
    "an execution that exceeds the machine's TimeoutSeconds is TIMED_OUT, does nothing more, and EventBridge says so",
    source="Step Functions Developer Guide, State machine structure, TimeoutSeconds; EventBridge events",
)
def test_a_machine_that_takes_too_long_times_out_and_says_so_on_the_bus(cloud: Cloud) -> None:
    url, queue_arn = cloud.queue()
    cloud.let_send(url, queue_arn)
    rule = cloud.unique("rule")
    pattern = {"source": ["aws.states"], "detail": {"status": ["TIMED_OUT"]}}
    cloud.aws("events").put_rule(Name=rule, EventPattern=json.dumps(pattern))
    cloud.aws("events").put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": queue_arn}])
    table, _ = cloud.table()
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1}]
    machine = cloud.machine(one_task(ask(table, Retry=retry), TimeoutSeconds=1))
    ended = cloud.run(machine)
    assert ended["status"] == "TIMED_OUT"
    (event,) = cloud.until(lambda: cloud.messages(url))
    assert event["detail"]["executionArn"] == ended["executionArn"]
    history = cloud.aws("stepfunctions").get_execution_history(executionArn=ended["executionArn"])["events"]
    assert history[-1]["type"] == "ExecutionTimedOut"
    time.sleep(1.3)
    assert len(requests(cloud, table)) == 1, "an execution that ended does not retry"


@execution_case(
    "an execution that was stopped does nothing more, and its tokens are TaskTimedOut",
    source="Step Functions API Reference, StopExecution",
)
def test_a_stopped_execution_does_nothing_more(cloud: Cloud) -> None:
    table, _ = cloud.table()
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1}]
    states = cloud.aws("stepfunctions")
    arn = states.start_execution(stateMachineArn=cloud.machine(one_task(ask(table, Retry=retry))), input="{}")[
        "executionArn"
    ]
    (request,) = cloud.until(lambda: requests(cloud, table))
    states.stop_execution(executionArn=arn, error="Operator", cause="stopped by hand")
    assert code_of(lambda: states.send_task_success(taskToken=request["token"], output="{}")) == "TaskTimedOut"
    time.sleep(1.3)
    assert len(requests(cloud, table)) == 1
    assert states.describe_execution(executionArn=arn)["status"] == "ABORTED"
    assert states.get_execution_history(executionArn=arn)["events"][-1]["type"] == "ExecutionAborted"


@case(
    "the history shows each state that was entered, in order",
    source="Step Functions API Reference, GetExecutionHistory",
    bridge=None,
)
def test_the_history_shows_every_state_that_was_entered(cloud: Cloud) -> None:
    passing = {name: {"Type": "Pass", "Next": following} for name, following in (("A", "B"), ("B", "C"))}
    ended = cloud.run(cloud.machine({"StartAt": "A", "States": {**passing, "C": {"Type": "Succeed"}}}))
    events = cloud.aws("stepfunctions").get_execution_history(executionArn=ended["executionArn"])["events"]
    assert [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event] == [
        "A",
        "B",
        "C",
    ]


@case(
    "a task may do what the machine's role allows; else it fails with the service's generic exception",
    source="Step Functions Developer Guide, Creating an IAM role for your state machine",
    bridge="step_functions.role",
    on_aws=False,
    why_not="reads the emulator's trace",
)
def test_the_machines_role_must_allow_what_its_tasks_do(cloud: Cloud, emulator: Emulator) -> None:
    table, _ = cloud.table()
    function = cloud.function("def handler(event, context): return 1")
    role = cloud.role("states", {"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    call = one_task({"Resource": INVOKE, "Arguments": {"FunctionName": function, "Payload": {}}})
    denied = cloud.run(cloud.machine(call, role))
    assert denied["error"] == "Lambda.AWSLambdaException"
    assert f"not authorized to perform: lambda:InvokeFunction on resource: {function}" in denied["cause"]
    assert cloud.run(cloud.machine(one_task(ask(table)), role))["error"] == "DynamoDb.DynamoDbException"
    cloud.grant(role, {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": function})
    assert cloud.run(cloud.machine(call, role))["status"] == "SUCCEEDED"
    name = role.rsplit("/", 1)[-1]
    calls = [(line["operation"], line["status"]) for line in emulator.trace() if line["principal"] == name]
    assert calls == [("Invoke", 400), ("PutItem", 400), ("Invoke", 200)]
