"""Metrics that AWS makes by itself: from logs, from executions, from queues.

AWS: a log line in the embedded metric format becomes metrics, in any log group; AWS/States counts executions by
machine; AWS/SQS samples each queue. Stock MiniStack: none of these (it does count a function's calls and errors).

Source: docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html,
docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html,
docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html.
Different: queues are sampled every LOCAL_AWS_METRIC_SECONDS (2) instead of every minute; of AWS/SQS only the four
approximate gauges, of AWS/States only those of executions (ExecutionThrottled too is absent).

Upstream: in part: the embedded metric format and AWS/States; the sampled queues need a thread of their own.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from datetime import datetime
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, cloudwatch_logs, sqs, stepfunctions

from local_aws import patching
from local_aws.settings import Settings

logger = logging.getLogger("local.metrics")
SECONDS = float(os.environ.get("LOCAL_AWS_METRIC_SECONDS", "2"))
KEPT_SECONDS = 1200  # of a queue's gauges: an alarm that looks back further sees none
ENDS = {"SUCCEEDED": "Succeeded", "FAILED": "Failed", "TIMED_OUT": "TimedOut", "ABORTED": "Aborted"}


def embedded(line: str) -> list[tuple[str, str, dict[str, str], str, list[float], float]]:
    """Return (namespace, name, dimensions, unit, values, Unix time) of each metric in a log line; empty if it has
    none.
    """
    if '"_aws"' not in line or not line.startswith("{"):
        return []
    try:
        root = json.loads(line)
        at = root["_aws"]["Timestamp"] / 1000
        found = []
        for directive in root["_aws"]["CloudWatchMetrics"]:
            for names in directive.get("Dimensions") or [[]]:
                dimensions = {name: str(root[name]) for name in names}
                for metric in directive["Metrics"]:
                    value = root[metric["Name"]]
                    values = [float(one) for one in (value if isinstance(value, list) else [value])]
                    unit = metric.get("Unit", "None")
                    found.append((directive["Namespace"], metric["Name"], dimensions, unit, values, at))
    except (ValueError, KeyError, TypeError):
        return []  # as on AWS: a line that does not follow the specification stays a log line
    return found


def _append_log_events(original: Any) -> Any:
    def append_log_events(stream: Any, events: list[dict[str, Any]]) -> Any:
        answer = original(stream, events)
        for event in events:
            for namespace, name, dimensions, unit, values, at in embedded(event["message"]):
                cloudwatch._store_datum(namespace, name, dimensions, at, unit, None, values, None, None)
        return answer

    return append_log_events


def _emit_execution_status_event(original: Any) -> Any:
    def emit_execution_status_event(execution: dict[str, Any]) -> None:
        original(execution)
        dimensions = {"StateMachineArn": execution["stateMachineArn"]}
        end = ENDS.get(execution["status"])
        cloudwatch.record_metric("AWS/States", f"Executions{end or 'Started'}", 1, "Count", dimensions)
        if end:
            started, stopped = (datetime.fromisoformat(execution[key]) for key in ("startDate", "stopDate"))
            took = (stopped - started).total_seconds() * 1000
            cloudwatch.record_metric("AWS/States", "ExecutionTime", took, "Milliseconds", dimensions)

    return emit_execution_status_event


def _sample_queues() -> None:
    """Put one value of each gauge of each queue, in the queue's own account and region."""
    for (account, region, _), queue in list(sqs._queues._data.items()):
        with request_scope(account, region):
            with sqs._queues_lock:
                sqs._refresh_counts(queue)
                oldest = min((message["sent_at"] for message in queue["messages"]), default=None)
            counts, dimensions = queue["attributes"], {"QueueName": queue["name"]}
            for metric, attribute in (
                ("ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessages"),
                ("ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesNotVisible"),
                ("ApproximateNumberOfMessagesDelayed", "ApproximateNumberOfMessagesDelayed"),
            ):
                cloudwatch.record_metric("AWS/SQS", metric, float(counts[attribute]), "Count", dimensions)
            age = 0.0 if oldest is None else time.time() - oldest
            cloudwatch.record_metric("AWS/SQS", "ApproximateAgeOfOldestMessage", age, "Seconds", dimensions)


def _forget_old_values() -> None:
    limit = time.time() - KEPT_SECONDS
    for (*_, (namespace, _, _)), points in list(cloudwatch._metrics._data.items()):
        while namespace == "AWS/SQS" and points and points[0]["Timestamp"] < limit:
            del points[0]


def _tick() -> None:
    while True:
        time.sleep(SECONDS)
        try:
            _sample_queues()
            _forget_old_values()
        except Exception:
            logger.exception("the queues were not sampled")


def install(settings: Settings) -> None:
    patching.replace(cloudwatch_logs, "_append_log_events", _append_log_events, 'stream["events"]')
    patching.replace(
        stepfunctions, "_emit_execution_status_event", _emit_execution_status_event, 'status = execution["status"]'
    )
    for module, name, fragment in (
        (cloudwatch, "_store_datum", "_metric_bucket((namespace, name, _dims_key(dims)))"),
        (cloudwatch, "record_metric", '"Timestamp": time.time()'),
        (sqs, "_refresh_counts", '"ApproximateNumberOfMessagesNotVisible"'),
    ):
        patching.replace(module, name, lambda original: original, fragment)
    threading.Thread(target=_tick, daemon=True, name="queue-metrics").start()
