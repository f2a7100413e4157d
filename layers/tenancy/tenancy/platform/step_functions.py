"""Step Functions is asked to start executions, whether one runs, and to take answers to task tokens."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from tenancy.domain.errors import TenancyError
from tenancy.platform import aws

WHO = "Step Functions"
LONGEST_ID_IN_NAME = 40
LONGEST_CAUSE = 32_000  # SendTaskFailure takes 32,768 characters

_NOBODY_WAITS = ("TaskTimedOut", "TaskDoesNotExist", "InvalidToken")


def prepare() -> None:
    """Make the client now: before the first invocation, and by one thread."""
    _states()


def execution_name(tenant_id: str, event_id: str) -> str:
    """Return a legal name that tells the tenant, and is the same for every delivery of one stream record."""
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", tenant_id)[:LONGEST_ID_IN_NAME] or "_"
    return f"{readable}-{hashlib.sha256(event_id.encode()).hexdigest()[:16]}"


def start(state_machine_arn: str, name: str, tenant_id: str) -> bool:
    """Start an execution. Returns False if the name was used before: the record has been delivered already."""
    with aws.calls(WHO):
        try:
            _states().start_execution(
                stateMachineArn=state_machine_arn, name=name, input=json.dumps({"tenant_id": tenant_id})
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionAlreadyExists":
                return False
            raise
    return True


def is_running(execution_arn: str) -> bool:
    """Return whether an execution may still act. One that Step Functions does not know any more may not."""
    with aws.calls(WHO):
        try:
            return bool(_states().describe_execution(executionArn=execution_arn)["status"] == "RUNNING")
        except ClientError as error:
            if error.response["Error"]["Code"] == "ExecutionDoesNotExist":
                return False
            raise


def running(state_machine_arns: Iterable[str]) -> set[str]:
    """Return the executions that run, a little while ago: Step Functions lists what is new with a delay."""
    with aws.calls(WHO):
        paginator = _states().get_paginator("list_executions")
        pages = (
            page
            for arn in state_machine_arns
            for page in paginator.paginate(stateMachineArn=arn, statusFilter="RUNNING")
        )
        return {execution["executionArn"] for page in pages for execution in page["executions"]}


def last_state(execution_arn: str) -> str:
    """Return the state that an execution entered last."""
    with aws.calls(WHO):
        # A task that is retried leaves a handful of events for each try.
        pages = (
            _states()
            .get_paginator("get_execution_history")
            .paginate(executionArn=execution_arn, reverseOrder=True, includeExecutionData=False)
        )
        for page in pages:
            for event in page["events"]:
                if "stateEnteredEventDetails" in event:
                    return str(event["stateEnteredEventDetails"]["name"])
    return "?"


def answer(token: str, outcome: Mapping[str, Any] | TenancyError) -> None:
    """Answer a waiting state, well or with an error. A state that does not wait any more needs no answer."""
    with aws.calls(WHO):
        try:
            if isinstance(outcome, TenancyError):
                code = type(outcome).__name__
                cause = json.dumps({"errorType": code, "errorMessage": str(outcome)[:LONGEST_CAUSE]})
                _states().send_task_failure(taskToken=token, error=code, cause=cause)
            else:
                _states().send_task_success(taskToken=token, output=json.dumps(outcome))
        except ClientError as error:
            if error.response["Error"]["Code"] not in _NOBODY_WAITS:
                raise


def _states() -> Any:
    return aws.client("stepfunctions")
