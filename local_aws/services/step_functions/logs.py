"""Execution logs, as far as the machine's level says.

AWS: each event of the history goes to the log group of LoggingConfiguration as a JSON object, as far as the level
(ALL, ERROR, FATAL, OFF) lets it; input, output and parameters only with includeExecutionData. A machine whose role may
not deliver logs is refused, and so is a log group's ARN that does not end with `:*`.
Stock MiniStack keeps the configuration and logs nothing.

Source: docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html, …/dg/cloudwatch-log-level.html. Different: the events
are in the log at once, in one stream per execution.

Upstream: whole, once the history's events are AWS's.
"""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import cloudwatch_logs, stepfunctions

from local_aws import patching
from local_aws.gateway import identity
from local_aws.services.step_functions import history
from local_aws.settings import Settings

logger = logging.getLogger("local.states")
FATAL = {"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"}
DELIVERY = (
    "logs:CreateLogDelivery",
    "logs:GetLogDelivery",
    "logs:UpdateLogDelivery",
    "logs:PutResourcePolicy",
    "logs:DescribeResourcePolicies",
    "logs:DescribeLogGroups",
)
DATA = ("input", "output", "parameters", "inputDetails", "outputDetails")


def logged(level: str, event_type: str) -> bool:
    """Return whether a level lets an event's type through."""
    if level == "ERROR":
        return event_type in FATAL or event_type == "FailStateEntered" or event_type.endswith(("Failed", "TimedOut"))
    return level == "ALL" or (level == "FATAL" and event_type in FATAL)


def line(execution: dict[str, Any], event: dict[str, Any], with_data: bool) -> str:
    """Return the log's JSON object of one event."""
    found: dict[str, Any] = next((value for key, value in event.items() if key.endswith("EventDetails")), {})
    details = {key: value for key, value in found.items() if with_data or key not in DATA}
    at = datetime.fromisoformat(event["timestamp"]).timestamp()
    return json.dumps(
        {
            "id": str(event["id"]),
            "type": event["type"],
            "details": details,
            "redrive_count": "0",
            "previous_event_id": str(event["previousEventId"]),
            "event_timestamp": str(int(at * 1000)),
            "execution_arn": execution["executionArn"],
        }
    )


def _log(execution: dict[str, Any], event: dict[str, Any]) -> None:
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) or {}
    # CloudFormation's keys begin with capitals, the API's do not
    config = _lowered(machine.get("loggingConfiguration") or {})
    if not logged(config.get("level", "OFF"), event["type"]):
        return
    text = line(execution, event, bool(config.get("includeExecutionData")))
    for destination in config.get("destinations") or ():
        group = destination["cloudWatchLogsLogGroup"]["logGroupArn"].removesuffix(":*").rsplit(":", 1)[-1]
        if found := cloudwatch_logs._log_groups.get(group):
            name = f"states/{machine['name']}/{execution['startDate'][:10]}/{execution['name']}"
            if name not in found["streams"]:
                cloudwatch_logs._create_log_stream({"logGroupName": group, "logStreamName": name})
            now = int(time.time() * 1000)
            entry = {"timestamp": now, "message": text, "ingestionTime": now}
            cloudwatch_logs._append_log_events(found["streams"][name], [entry])
        else:
            logger.warning("%s: there is no log group %s", machine.get("name"), group)


def _lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _lowered(item) for key, item in value.items()}
    return [_lowered(item) for item in value] if isinstance(value, list) else value


def refusal(config: dict[str, Any], role_arn: str) -> tuple[str, str] | None:
    """Return (error code, message) if a machine cannot have the logging configuration (either case); None if it can."""
    config = _lowered(config or {})
    if config.get("level", "OFF") == "OFF":
        return None
    for destination in config.get("destinations") or ():
        if not destination.get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "").endswith(":*"):
            return "InvalidLoggingConfiguration", "Invalid Logging Configuration: Log Destination must end with ':*'."
    if not all(identity.role_may(role_arn, action, "*") for action in DELIVERY):
        message = "The state machine IAM Role is not authorized to access the Log Destination"
        return "AccessDeniedException", message
    return None


def _api(original: Any) -> Any:
    def create_or_update(data: dict[str, Any]) -> Any:
        machine = stepfunctions._state_machines.get(data.get("stateMachineArn", "")) or {}
        role = data.get("roleArn") or machine.get("roleArn", "")
        if problem := refusal(data.get("loggingConfiguration") or {}, role):
            return error_response_json(*problem, 400)
        return original(data)

    return create_or_update


def _from_template(original: Any) -> Any:
    def create(logical_id: str, properties: dict[str, Any], stack_name: str) -> Any:
        if problem := refusal(properties.get("LoggingConfiguration") or {}, properties.get("RoleArn", "")):
            raise ValueError(f"{problem[1]} (Service: Sfn, Status Code: 400, {problem[0]})")
        return original(logical_id, properties, stack_name)

    return create


def install(settings: Settings) -> None:
    history.listeners.append(_log)
    patching.replace(cloudwatch_logs, "_create_log_stream", lambda original: original, '"events": []')
    patching.replace(stepfunctions, "_create_state_machine", _api, 'data.get(\n            "loggingConfiguration"')
    patching.replace(stepfunctions, "_update_state_machine", _api, 'sm["loggingConfiguration"] = data')
    patching.resource("AWS::StepFunctions::StateMachine", "create", _from_template)
