"""SQS queues as event sources: batches as large and as long as the mapping says, concurrency, partial failures, what is
refused.

AWS: batches up to BatchSize (10,000; above 10 only with a window of at least 1 s) are gathered for as long as
MaximumBatchingWindowInSeconds says; at most MaximumConcurrency batches at once (5 pollers without it); the role must
be allowed to read the queue; ReportBatchItemFailures brings back the named messages, an answer that cannot be read
brings back all; a throttled call is repeated until the visibility timeout is over; the mapping is refused when the
queue's visibility timeout is shorter than the function's timeout.
Stock MiniStack: at most 10 messages a call, no window; nothing is refused, an unreadable answer counts as success; a
reserved concurrency holds batches back instead of throttling them.

Source: docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, …/services-sqs-scaling.html,
…/services-sqs-errorhandling.html, …/api/API_CreateEventSourceMapping.html. Not rebuilt: the slow growth of the number
of pollers under load, and that a nearly empty queue may wait longer than the window.

Upstream: in part: what a mapping is refused for, and that an unreadable answer is a failure; a thread per mapping is
ours.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import lambda_svc, sqs

from local_aws import patching
from local_aws.gateway import identity
from local_aws.quotas import INVOCATION_BYTES, QUEUE_POLLERS
from local_aws.services.aws_lambda.mappings import starter
from local_aws.settings import Settings

logger = logging.getLogger("local.sqs")
POLL_SECONDS = 0.1
READ_ACTIONS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")

Message = dict[str, Any]


class Mapping(threading.Thread):
    """An event source mapping of a queue: it gathers batches and calls the function."""

    def __init__(self, account: str, region: str, esm: dict[str, Any]) -> None:
        super().__init__(daemon=True, name=f"sqs-{esm['FunctionName']}")
        self.account, self.region, self.esm = account, region, esm
        self._busy, self._done = 0, threading.Condition()
        self._readable_until = 0.0

    @property
    def alive(self) -> bool:
        return lambda_svc._esms.get_scoped(self.account, self.region, self.esm["UUID"]) is self.esm

    def run(self) -> None:
        with request_scope(self.account, self.region):
            while self.alive:
                try:
                    batch = self._gather()
                except Exception:
                    logger.exception("%s: reading the queue failed", self.name)
                    batch = []
                if not batch:
                    time.sleep(POLL_SECONDS)
                    continue
                with self._done:
                    self._busy += 1
                threading.Thread(target=self._call, args=(batch,), daemon=True, name=f"{self.name}-batch").start()

    @property
    def _queue(self) -> dict[str, Any] | None:
        queue: dict[str, Any] | None = sqs._queue_by_arn(self.esm["EventSourceArn"])
        return queue

    def _function(self) -> dict[str, Any] | None:
        return lambda_svc._get_func_record_for_qualifier(self.esm["FunctionName"], self.esm.get("Qualifier"))[0]

    def _gather(self) -> list[Message]:
        """Return the next batch; empty if there is none, or none may be read now."""
        queue = self._queue
        if not self.esm.get("Enabled", True) or queue is None or not self._may_read():
            return []
        limit = (self.esm.get("ScalingConfig") or {}).get("MaximumConcurrency") or QUEUE_POLLERS
        with self._done:
            if not self._done.wait_for(lambda: self._busy < int(limit), timeout=1.0):
                return []
        url, most = sqs._queue_url(queue["name"]), int(self.esm.get("BatchSize") or 10)
        window = float(self.esm.get("MaximumBatchingWindowInSeconds") or 0)
        batch: list[Message] = []
        payload, end = 0, 0.0
        while self.alive:
            found = receive(url, most - len(batch))
            if found and not batch:
                end = time.monotonic() + window
            batch += found
            payload += sum(len(message["body"]) for message in found)
            left = end - time.monotonic()
            if len(batch) >= most or payload > INVOCATION_BYTES * 0.9 or not batch or (not found and left <= 0):
                break
            if not found:
                time.sleep(min(left, POLL_SECONDS))
        return batch

    def _may_read(self) -> bool:
        """Return whether the function's role may read the queue, as AWS does; without it the mapping stands still."""
        if time.monotonic() > self._readable_until:
            function = self._function()
            if function is None:
                return False
            refused = [
                action
                for action in READ_ACTIONS
                if not identity.role_may(function["config"].get("Role", ""), action, self.esm["EventSourceArn"])
            ]
            if refused:
                self.esm["LastProcessingResult"] = f"PROBLEM: the role may not {', '.join(refused)}"
                return False
            self._readable_until = time.monotonic() + 5
        return True

    def _call(self, batch: list[Message]) -> None:
        try:
            with request_scope(self.account, self.region):
                self._process(batch)
        except Exception:
            logger.exception("%s: a batch comes back after its visibility timeout", self.name)
        finally:
            with self._done:
                self._busy -= 1
                self._done.notify_all()

    def _process(self, batch: list[Message]) -> None:
        function, queue = self._function(), self._queue
        if function is None or queue is None:
            return
        records = lambda_svc._apply_filter_criteria([self._record(message) for message in batch], self.esm)
        kept = {record["messageId"] for record in records}
        done = {message["id"] for message in batch} - kept  # what the filter leaves out is deleted
        if records:
            failed = self._failed(kept, self._invoke(function, queue, records))
            done |= kept - failed
            self.esm["LastProcessingResult"] = "PROBLEM: Function call failed" if failed else "OK"
        handles = {message["receipt_handle"] for message in batch if message["id"] in done}
        sqs._delete_messages_for_esm(sqs._queue_url(queue["name"]), handles)

    def _invoke(self, function: dict[str, Any], queue: dict[str, Any], records: list[dict[str, Any]]) -> dict[str, Any]:
        until = time.monotonic() + int(queue["attributes"].get("VisibilityTimeout", 30))
        pause = POLL_SECONDS
        while True:
            result: dict[str, Any] = lambda_svc._execute_function(function, {"Records": records})
            if not result.get("throttle") or time.monotonic() + pause > until:
                return result
            time.sleep(pause)
            pause = min(2 * pause, 2.0)

    def _failed(self, numbers: set[str], result: dict[str, Any]) -> set[str]:
        """Return the ids of the messages that stay in the queue."""
        if result.get("error") or result.get("throttle"):
            return numbers
        if "ReportBatchItemFailures" not in (self.esm.get("FunctionResponseTypes") or ()):
            return set()
        body = result.get("body")
        failures: Any = (body or {}).get("batchItemFailures") if isinstance(body, dict | None) else "no object"
        if not failures:
            return set()
        try:
            failed = {failure["itemIdentifier"] for failure in failures}
        except (TypeError, KeyError):
            return numbers
        return failed if failed <= numbers else numbers

    def _record(self, message: Message) -> dict[str, Any]:
        first = message.get("first_receive_at") or time.time()
        attributes = {
            "ApproximateReceiveCount": str(message.get("receive_count", 1)),
            "SentTimestamp": str(int(message["sent_at"] * 1000)),
            "SenderId": get_account_id(),
            "ApproximateFirstReceiveTimestamp": str(int(first * 1000)),
        }
        if header := (message.get("sys") or {}).get("AWSTraceHeader"):
            attributes["AWSTraceHeader"] = header
        return {
            "messageId": message["id"],
            "receiptHandle": message["receipt_handle"],
            "body": message["body"],
            "attributes": attributes,
            "messageAttributes": lambda_svc._sqs_message_attributes_to_camel_case(
                message.get("message_attributes", {})
            ),
            "md5OfBody": message.get("md5_body") or "",
            "eventSource": "aws:sqs",
            "eventSourceARN": self.esm["EventSourceArn"],
            "awsRegion": get_region(),
        }


def receive(url: str, most: int) -> list[Message]:
    """Return up to `most` visible messages; MiniStack gives ten at a time, as ReceiveMessage does."""
    found: list[Message] = []
    while len(found) < most and (part := sqs._receive_messages_for_esm(url, min(10, most - len(found)))):
        found += part
    return found


def fault(settings: dict[str, Any]) -> str | None:
    """Return why AWS refuses a mapping of a queue with these settings; None if it does not (or it is of another
    source).
    """
    source = settings.get("EventSourceArn", "")
    queue = sqs._queue_by_arn(source) if ":sqs:" in source else None
    if queue is None:
        return None
    size, window = int(settings.get("BatchSize") or 10), int(settings.get("MaximumBatchingWindowInSeconds") or 0)
    if queue["is_fifo"]:
        return "This embedded AWS does not rebuild event sources of FIFO queues."
    if size > 10 and window < 1:
        return "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
    name = lambda_svc._resolve_name_and_qualifier(settings.get("FunctionName", ""))[0]
    function = lambda_svc._functions.get(name)
    visible = int(queue["attributes"].get("VisibilityTimeout", 30))
    if function and visible < (limit := int(function["config"].get("Timeout", 3))):
        return f"Queue visibility timeout: {visible} seconds is less than Function timeout: {limit} seconds"
    return None


def _create_esm(original: Any) -> Any:
    def create_esm(data: dict[str, Any]) -> Any:
        if problem := fault(data):
            return lambda_svc._invalid_parameter_value(problem)
        return original(data)

    return create_esm


def _update_esm(original: Any) -> Any:
    def update_esm(mapping_id: str, data: dict[str, Any]) -> Any:
        if problem := fault({**(lambda_svc._esms.get(mapping_id) or {}), **data}):
            return lambda_svc._invalid_parameter_value(problem)
        return original(mapping_id, data)

    return update_esm


def _from_template(place: int) -> Callable[[Any], Any]:
    """Create or update through CloudFormation; `place` of the properties among the arguments."""

    def bridged(original: Any) -> Any:
        def handle(*arguments: Any) -> Any:
            if problem := fault(arguments[place]):
                raise ValueError(f"Invalid request provided: {problem}")
            return original(*arguments)

        return handle

    return bridged


def install(settings: Settings) -> None:
    patching.replace(
        lambda_svc,
        "_poll_sqs",
        lambda _: starter("sqs", Mapping),
        "_receive_messages_for_esm(queue_url, batch_size)",
        "_run_sqs_batch, esm, func_rec",
    )
    patching.replace(lambda_svc, "_poll_loop", lambda original: original, "_poll_sqs()")
    patching.replace(lambda_svc, "_create_esm", _create_esm, "_validate_scaling_config(data")
    patching.replace(lambda_svc, "_update_esm", _update_esm, "_validate_scaling_config(data")
    patching.resource("AWS::Lambda::EventSourceMapping", "create", _from_template(1))
    patching.resource("AWS::Lambda::EventSourceMapping", "update", _from_template(2))
