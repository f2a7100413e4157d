"""What PutEvents refuses; retries and dead-letter queues of a rule's targets.

AWS: a request has 1 to 10 entries and at most 256 KB; an entry without Source, DetailType or a JSON Detail fails alone.
A target that is gone, or whose queue's policy does not let the rule send, is not retried: the event goes to the
target's dead-letter queue with attributes that say why, if that queue's policy allows it. Other failures are retried
with RetryPolicy (185 times and 24 hours if there is none) first. FailedInvocations counts them.
Stock MiniStack: takes any size and any entry, checks no queue policy, drops what cannot be delivered.

Source: docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html, …/userguide/eb-putevents.html,
…/userguide/eb-rule-dlq.html, …/userguide/eb-rule-retry-policy.html. Checked for SQS, Lambda, SNS and Step Functions
targets; only SQS policies are evaluated. A target here never fails for a while by itself, but faults of the principal
`events` (sqs SendMessage, sns Publish, lambda Invoke, states StartExecution) make it. The first retry comes after half
a second; AWS does not say when.

Upstream: in part: what PutEvents refuses, and dead-letter queues; faults of deliveries are ours.
"""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from contextvars import copy_context
from typing import Any

from ministack.core.arn import ArnParseError, parse_arn
from ministack.core.responses import error_response_json, get_account_id, json_response
from ministack.services import cloudwatch, eventbridge, lambda_svc, sns, sqs, stepfunctions

from local_aws import patching
from local_aws.gateway import faults
from local_aws.quotas import EVENT_BYTES, EVENT_DELIVERIES, EVENT_ENTRIES, EVENT_SECONDS
from local_aws.settings import Settings

logger = logging.getLogger("local.events")
REQUIRED = ("Source", "DetailType", "Detail")
OPERATIONS = {"sqs": "SendMessage", "sns": "Publish", "lambda": "Invoke", "states": "StartExecution"}

Entry = dict[str, Any]


def size(entry: Entry) -> int:
    """Return the bytes of an entry as PutEvents counts them."""
    texts = [entry.get(name) or "" for name in REQUIRED] + list(entry.get("Resources") or ())
    return sum(len(text.encode()) for text in texts) + (14 if entry.get("Time") is not None else 0)


def entry_fault(entry: Entry) -> dict[str, str] | None:
    """Return the error of one entry as the answer lists it; None if it can be taken."""
    for name in REQUIRED:
        if not entry.get(name):
            reason = f"{name} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": f"Parameter {name} is not valid. Reason: {reason}"}
    try:
        detail = json.loads(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    return None


def _put_events(original: Any) -> Any:
    def put_events(data: dict[str, Any], allow_aws_source: bool = False) -> Any:
        entries = data.get("Entries") or []
        if allow_aws_source or len(entries) > EVENT_ENTRIES:
            return original(data, allow_aws_source)
        if not entries:
            constraint = "Member must have length greater than or equal to 1"
            message = f"1 validation error detected: Value '[]' at 'entries' failed to satisfy constraint: {constraint}"
            return error_response_json("ValidationException", message, 400)
        if sum(map(size, entries)) >= EVENT_BYTES:
            message = "Total size of the entries in the request is over the limit."
            return error_response_json("ValidationException", message, 400)
        problems = [entry_fault(entry) for entry in entries]
        good = [entry for entry, problem in zip(entries, problems, strict=True) if problem is None]
        status, headers, body = original({**data, "Entries": good})
        if status != 200:
            return status, headers, body
        taken = iter(json.loads(body)["Entries"])
        answers = [problem or next(taken) for problem in problems]
        failed = sum("ErrorCode" in answer for answer in answers)
        return json_response({"FailedEntryCount": failed, "Entries": answers})

    return put_events


def undeliverable(target_arn: str, rule_arn: str) -> tuple[str, str] | None:
    """Return (error code, message) if the target can never take the event; None if it can."""
    try:
        spec = parse_arn(target_arn)
    except ArnParseError:
        return "NO_RESOURCE", "The target's ARN cannot be read."
    if spec.service == "sqs":
        if sqs._queue_by_arn(target_arn) is None:
            return "NO_RESOURCE", "The specified queue does not exist."
        if not sqs.queue_policy_allows(target_arn, "events.amazonaws.com", rule_arn, get_account_id()):
            return "NO_PERMISSIONS", "Access to the resource is denied by its resource-based policy."
    gone = (
        (spec.service == "lambda" and not lambda_svc._get_func_record_for_ref(target_arn)[0])
        or (spec.service == "sns" and sns._topic_by_arn_any_scope(target_arn) is None)
        or (spec.service == "states" and stepfunctions._resolve_state_machine_arn(target_arn) is None)
    )
    return ("NO_RESOURCE", "The target does not exist.") if gone else None


class Delivery:
    """An event on its way to one target."""

    def __init__(self, target: dict[str, Any], event: Entry, rule: dict[str, Any], send: Any) -> None:
        self.target, self.event, self.rule, self.send = target, event, rule, send
        self.arn: str = target.get("Arn", "")
        self.rule_arn: str = rule.get("Arn") or eventbridge._rule_arn(rule["Name"], rule.get("EventBusName", "default"))

    def try_now(self) -> faults.Struck | None:
        """Deliver or give up; return what went wrong if it has to be tried again."""
        if problem := undeliverable(self.arn, self.rule_arn):
            self.give_up(*problem)
            return None
        service = parse_arn(self.arn).service
        request = {"target": self.arn, "rule": self.rule_arn, "event": self.event}
        try:
            faults.in_process("events", service, OPERATIONS.get(service, "*"), request, self.send)
        except faults.Struck as struck:
            return struck
        return None

    def retry(self, failure: faults.Struck) -> None:
        """Try until it is delivered or the policy says that it is enough."""
        policy = self.target.get("RetryPolicy") or {}
        most = int(policy.get("MaximumRetryAttempts", EVENT_DELIVERIES))
        until = time.monotonic() + float(policy.get("MaximumEventAgeInSeconds", EVENT_SECONDS))
        for attempt in range(most):
            time.sleep(random.uniform(0.5, 1.0) * min(2.0**attempt, 60.0))  # noqa: S311
            if time.monotonic() > until:
                return self.give_up(failure.code, str(failure), "MaximumEventAgeInSeconds", attempt)
            if (again := self.try_now()) is None:
                return None
            failure = again
        return self.give_up(failure.code, str(failure), "MaximumRetryAttempts", most)

    def give_up(self, code: str, message: str, exhausted: str = "", attempts: int = 0) -> None:
        """Send the original event to the dead-letter queue, if there is one that the rule may send to."""
        name = {"RuleName": self.rule["Name"]}
        cloudwatch.record_metric("AWS/Events", "FailedInvocations", 1, "Count", name)
        dead = (self.target.get("DeadLetterConfig") or {}).get("Arn")
        logger.warning("%s: %s not delivered: %s", self.rule_arn, self.arn, code)
        queue = sqs._queue_by_arn(dead) if dead else None
        if queue is None or not sqs.queue_policy_allows(dead, "events.amazonaws.com", self.rule_arn, get_account_id()):
            return
        attributes = {
            "RULE_ARN": self.rule_arn,
            "TARGET_ARN": self.arn,
            "ERROR_CODE": code,
            "ERROR_MESSAGE": message,
            "EXHAUSTED_RETRY_CONDITION": exhausted,
            "RETRY_ATTEMPTS": str(attempts) if attempts else "",
        }
        body = json.dumps(eventbridge._pattern_event_view(self.event).event_with_detail())
        eventbridge._dispatch_to_sqs(parse_arn(dead), body)
        queue["messages"][-1]["message_attributes"] = {
            key: {"StringValue": value, "DataType": "String"} for key, value in attributes.items() if value
        }
        cloudwatch.record_metric("AWS/Events", "InvocationsSentToDlq", 1, "Count", name)


def _invoke_target(original: Any) -> Any:
    def invoke_target(target: dict[str, Any], event: Entry, rule: dict[str, Any], view: Any = None) -> None:
        delivery = Delivery(target, event, rule, lambda: original(target, event, rule, view))
        if failure := delivery.try_now():
            threading.Thread(target=copy_context().run, args=(delivery.retry, failure), daemon=True).start()

    return invoke_target


def install(settings: Settings) -> None:
    patching.replace(eventbridge, "_put_events", _put_events, "if len(entries) > 10", "_dispatch_event(event_record")
    patching.replace(
        eventbridge,
        "_invoke_target",
        _invoke_target,
        "_dispatch_to_sqs(spec, event_payload",
        "MiniStack does not model",
    )
