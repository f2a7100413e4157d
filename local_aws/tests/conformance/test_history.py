"""Histories and logs of executions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .case import case
from .test_step_functions import INVOKE, ask, one_task, requests

if TYPE_CHECKING:
    from local_aws.tests.conformance.cloud import Cloud

HISTORY = "Step Functions API Reference, HistoryEvent"
LOGS = "Step Functions Developer Guide, Using CloudWatch Logs to log execution history"


def history(cloud: Cloud, execution_arn: str) -> list[dict[str, Any]]:
    return list(cloud.aws("stepfunctions").get_execution_history(executionArn=execution_arn, maxResults=1000)["events"])


def details(events: list[dict[str, Any]], event_type: str) -> dict[str, Any]:
    """The details of the only event of a type."""
    (event,) = [event for event in events if event["type"] == event_type]
    return dict(event[event_type[0].lower() + event_type[1:] + "EventDetails"])


def invoke(function: str, **more: Any) -> dict[str, Any]:
    return one_task({"Resource": INVOKE, "Arguments": {"FunctionName": function, "Payload": {}}, **more})


@case(
    "each event names the one before it; the first two name none",
    source=f"{HISTORY}, previousEventId; GetExecutionHistory, example",
    bridge="step_functions.history",
)
def test_events_name_their_predecessor(cloud: Cloud) -> None:
    passing = {name: {"Type": "Pass", "Next": following} for name, following in (("A", "B"), ("B", "C"))}
    ended = cloud.run(cloud.machine({"StartAt": "A", "States": {**passing, "C": {"Type": "Succeed"}}}))
    events = history(cloud, ended["executionArn"])
    assert [event["id"] for event in events] == list(range(1, 9))
    assert [event["previousEventId"] for event in events] == [0, 0, *range(2, 8)]


@case(
    "a Lambda task is scheduled, started and succeeded, as resource `invoke` of type `lambda`",
    source=f"{HISTORY}, TaskScheduledEventDetails",
    bridge="step_functions.history",
)
def test_a_lambda_task_in_the_history(cloud: Cloud) -> None:
    function = cloud.function("def handler(event, context): return 1")
    events = history(cloud, cloud.run(cloud.machine(invoke(function, TimeoutSeconds=9)))["executionArn"])
    assert [event["type"] for event in events] == [
        "ExecutionStarted",
        "TaskStateEntered",
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    scheduled = details(events, "TaskScheduled")
    assert (scheduled["resourceType"], scheduled["resource"], scheduled["timeoutInSeconds"]) == ("lambda", "invoke", 9)
    assert json.loads(scheduled["parameters"])["FunctionName"] == function
    assert json.loads(details(events, "TaskSucceeded")["output"])["Payload"] == 1


@case(
    "a failed task is TaskFailed with its error, one that took too long is TaskTimedOut",
    source=f"{HISTORY}, TaskFailedEventDetails, TaskTimedOutEventDetails",
    bridge="step_functions.history",
)
def test_failed_and_timed_out_tasks_in_the_history(cloud: Cloud) -> None:
    function = cloud.function("def handler(event, context): raise LookupError('apple')")
    failed = details(history(cloud, cloud.run(cloud.machine(invoke(function)))["executionArn"]), "TaskFailed")
    assert (failed["resourceType"], failed["resource"], failed["error"]) == ("lambda", "invoke", "LookupError")
    table, _ = cloud.table()
    events = history(cloud, cloud.run(cloud.machine(one_task(ask(table, TimeoutSeconds=1))))["executionArn"])
    assert details(events, "TaskTimedOut")["error"] == "States.Timeout"
    assert "TaskFailed" not in [event["type"] for event in events]


@case(
    "a task that waits for its token is submitted, as `putItem.waitForTaskToken` of `aws-sdk:dynamodb`",
    source=f"{HISTORY}, TaskSubmittedEventDetails",
    bridge="step_functions.history",
    still_different="TaskSubmitted has no output.",
)
def test_a_waiting_task_in_the_history(cloud: Cloud) -> None:
    table, _ = cloud.table()
    states = cloud.aws("stepfunctions")
    arn = states.start_execution(stateMachineArn=cloud.machine(one_task(ask(table))), input="{}")["executionArn"]
    (request,) = cloud.until(lambda: requests(cloud, table))
    submitted = cloud.until(lambda: [e for e in history(cloud, arn) if e["type"] == "TaskSubmitted"])[0]
    assert submitted["taskSubmittedEventDetails"] == {
        "resourceType": "aws-sdk:dynamodb",
        "resource": "putItem.waitForTaskToken",
    }
    states.send_task_success(taskToken=request["token"], output="{}")
    cloud.ended(arn)


@case(
    "with level ALL every event is in the machine's log group, and without includeExecutionData no input and no output",
    source=LOGS,
    bridge="step_functions.logs",
    still_different="Events are in the log at once.",
)
def test_execution_logs(cloud: Cloud) -> None:
    lines = logged(cloud, "ALL")
    assert [line["type"] for line in lines] == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "FailStateEntered",
        "ExecutionFailed",
    ]
    assert lines[-1]["details"] == {"error": "No", "cause": "not today"}
    assert {key for line in lines for key in line["details"]}.isdisjoint({"input", "output"})
    assert lines[1]["details"] == {"name": "A"}
    assert lines[0]["execution_arn"].startswith("arn:aws:states:")
    assert lines[-1]["previous_event_id"] == lines[-2]["id"]


@case("with level ERROR only what failed is logged", source=LOGS, bridge="step_functions.logs")
def test_execution_logs_of_errors(cloud: Cloud) -> None:
    assert [line["type"] for line in logged(cloud, "ERROR")] == ["FailStateEntered", "ExecutionFailed"]


@case(
    "a machine that logs is refused while its role may not deliver logs",
    source="Step Functions Developer Guide, IAM policies for logging to CloudWatch Logs",
    bridge="step_functions.logs",
)
def test_logging_needs_the_roles_permissions(cloud: Cloud) -> None:
    role = cloud.role("states", {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"})
    machine = cloud.machine({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}, role)
    name = f"/aws/vendedlogs/states/{cloud.unique('machine')}"
    cloud.aws("logs").create_log_group(logGroupName=name)
    arn = cloud.aws("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]["arn"]
    destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]
    config = {"level": "ALL", "includeExecutionData": False, "destinations": destinations}

    def log() -> None:
        cloud.aws("stepfunctions").update_state_machine(stateMachineArn=machine, loggingConfiguration=config)

    with pytest.raises(ClientError, match="not authorized to access the Log Destination"):
        log()
    cloud.grant(role, {"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    log()
    cloud.aws("logs").delete_log_group(logGroupName=name)


def logged(cloud: Cloud, level: str) -> list[dict[str, Any]]:
    """What a machine that passes and fails logs at a level."""
    group = f"/aws/vendedlogs/states/{cloud.unique('machine')}"
    logs, states = cloud.aws("logs"), cloud.aws("stepfunctions")
    logs.create_log_group(logGroupName=group)
    arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["arn"]
    fails = {"Type": "Fail", "Error": "No", "Cause": "not today"}
    machine = cloud.machine({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "F"}, "F": fails}})
    destinations = [{"cloudWatchLogsLogGroup": {"logGroupArn": arn}}]
    states.update_state_machine(
        stateMachineArn=machine,
        loggingConfiguration={"level": level, "includeExecutionData": False, "destinations": destinations},
    )
    cloud.run(machine, {"secret": "x"})
    found = cloud.until(lambda: logs.filter_log_events(logGroupName=group)["events"])
    logs.delete_log_group(logGroupName=group)
    return [json.loads(event["message"]) for event in found]
