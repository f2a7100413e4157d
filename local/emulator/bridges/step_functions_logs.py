"""Execution logs.

AWS: each event of the history goes to the log group of LoggingConfiguration as a JSON object, as far as the level
(ALL, ERROR, FATAL, OFF) lets it; input, output and parameters only with includeExecutionData.
Stock MiniStack keeps the configuration and logs nothing.

Source: docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html, …/dg/cloudwatch-log-level.html. Different: the events
are in the log at once, in one stream per execution; the role's permission to deliver logs is not asked for.
"""

from __future__ import annotations

import json
import logging
import time
from datetime import datetime
from typing import Any

from ministack.services import cloudwatch_logs, stepfunctions

from local.emulator import patching
from local.emulator.bridges import step_functions_history
from local.emulator.state import Settings

logger = logging.getLogger("local.states")
FATAL = {"ExecutionAborted", "ExecutionFailed", "ExecutionTimedOut"}
DATA = ("input", "output", "parameters", "inputDetails", "outputDetails")


def logged(level: str, event_type: str) -> bool:
    """Whether a level lets an event's type through."""
    if level == "ERROR":
        return event_type in FATAL or event_type == "FailStateEntered" or event_type.endswith(("Failed", "TimedOut"))
    return level == "ALL" or (level == "FATAL" and event_type in FATAL)


def line(execution: dict[str, Any], event: dict[str, Any], with_data: bool) -> str:
    """The log's JSON object of one event."""
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


def install(settings: Settings) -> None:
    step_functions_history.listeners.append(_log)
    patching.replace(cloudwatch_logs, "_create_log_stream", lambda original: original, '"events": []')
