"""SNS, SQS, EventBridge and Secrets Manager, as far as the product uses them. See ``services`` for how strict."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.quotas import TOPIC_MESSAGE_BYTES, TOPIC_SUBJECT
from tests.faults.refusals import Refused, known_only


@dataclass(frozen=True)
class Mail:
    """What arrived in the mailbox, and when."""

    subject: str
    body: str
    at: float


@dataclass
class Topics:
    """One topic, with one mailbox behind it."""

    arn: str
    mails: list[Mail] = field(default_factory=list)

    def call(self, operation: str, params: Mapping[str, Any], now: float) -> dict[str, Any]:
        if operation != "Publish":
            raise NotImplementedError(f"SNS {operation} is not known here")
        known_only(params, "TopicArn", "Subject", "Message")
        if params["TopicArn"] != self.arn:
            raise Refused("NotFound", "Topic does not exist", 404)
        subject = params.get("Subject", "AWS Notification Message")
        if not re.fullmatch(TOPIC_SUBJECT, subject):
            raise Refused("InvalidParameter", "Invalid parameter: Subject")
        if not params["Message"] or len(params["Message"].encode()) > TOPIC_MESSAGE_BYTES:
            raise Refused("InvalidParameter", "Invalid parameter: Message")
        self.mails.append(Mail(subject, params["Message"], now))
        return {"MessageId": f"{len(self.mails)}"}


@dataclass
class Message:
    """A message of a queue. visible: from when it may be received. receives: how often it was."""

    id: str
    body: str
    sent: float
    visible: float
    receives: int = 0


@dataclass
class QueueState:
    """One queue. visibility: seconds. dead_letters: ARN of the queue where messages end after so many receives."""

    arn: str
    visibility: float
    dead_letters: str | None
    most_receives: int
    messages: list[Message] = field(default_factory=list)
    sent: int = 0

    def send(self, body: str, now: float, delay: float = 0.0) -> str:
        self.sent += 1
        name = self.arn.rpartition(":")[2]
        self.messages.append(Message(f"{name}-{self.sent}", body, now, now + delay))
        return self.messages[-1].id


@dataclass
class Queues:
    """All queues, by ARN."""

    by_arn: dict[str, QueueState] = field(default_factory=dict)

    def call(self, operation: str, params: Mapping[str, Any], now: float) -> dict[str, Any]:
        queue = self.at(params["QueueUrl"])
        if operation == "SendMessage":
            known_only(params, "QueueUrl", "MessageBody", "DelaySeconds")
            return {
                "MessageId": queue.send(params["MessageBody"], now, params.get("DelaySeconds", 0)),
                "MD5OfMessageBody": "",
            }
        if operation == "SendMessageBatch":
            known_only(params, "QueueUrl", "Entries")
            sent = [
                {"Id": each["Id"], "MessageId": queue.send(each["MessageBody"], now, each.get("DelaySeconds", 0))}
                for each in params["Entries"]
            ]
            return {"Successful": sent}
        raise NotImplementedError(f"SQS {operation} is not known here")

    def at(self, url: str) -> QueueState:
        """By URL or ARN."""
        name = re.split(r"[/:]", url)[-1]
        for arn, queue in self.by_arn.items():
            if arn.rpartition(":")[2] == name:
                return queue
        raise Refused("AWS.SimpleQueueService.NonExistentQueue", "The specified queue does not exist.")


def matches(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an EventBridge pattern, or a filter of an event source, lets an event through."""
    for key, wanted in pattern.items():
        if isinstance(wanted, Mapping):
            if not isinstance(event.get(key), Mapping) or not matches(wanted, event[key]):
                return False
        elif not any(_one(choice, event.get(key), key in event) for choice in wanted):
            return False
    return True


def _one(choice: Any, value: Any, is_there: bool) -> bool:
    if not isinstance(choice, Mapping):
        return is_there and bool(choice == value)
    ((kind, wanted),) = choice.items()
    if kind == "prefix":
        return isinstance(value, str) and value.startswith(wanted)
    if kind == "exists":
        return is_there == wanted
    if kind == "anything-but":
        return is_there and value not in (wanted if isinstance(wanted, list) else [wanted])
    raise NotImplementedError(f"EventBridge: {kind} is not known here")


@dataclass
class Buses:
    """What was put on every bus, in order."""

    names: tuple[str, ...]
    events: list[dict[str, Any]] = field(default_factory=list)

    def call(self, operation: str, params: Mapping[str, Any], now: float) -> dict[str, Any]:
        if operation != "PutEvents":
            raise NotImplementedError(f"EventBridge {operation} is not known here")
        results = []
        for entry in params["Entries"]:
            known_only(entry, "EventBusName", "Source", "DetailType", "Detail", "Time", "Resources")
            if entry["EventBusName"] not in self.names:
                raise Refused("ResourceNotFoundException", f"Event bus {entry['EventBusName']} does not exist.")
            self.put(entry["EventBusName"], entry["Source"], entry["DetailType"], json.loads(entry["Detail"]), now)
            results.append({"EventId": self.events[-1]["id"]})
        return {"FailedEntryCount": 0, "Entries": results}

    def put(self, bus: str, source: str, kind: str, detail: Mapping[str, Any], now: float) -> None:
        number = len(self.events) + 1
        self.events.append(
            {
                "version": "0",
                "id": f"event-{number}",
                "bus": bus,
                "source": source,
                "detail-type": kind,
                "account": "123456789012",
                "time": f"{now:.3f}",
                "region": "us-east-1",
                "resources": [],
                "detail": dict(detail),
            }
        )


@dataclass
class Secrets:
    """The probe's secret, which alone a function reads."""

    arn: str
    text: str = "not-a-secret"

    def call(self, operation: str, params: Mapping[str, Any], _: float) -> dict[str, Any]:
        if operation != "GetSecretValue":
            raise NotImplementedError(f"Secrets Manager {operation} is not known here")
        if params["SecretId"] != self.arn:
            raise Refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
        return {"ARN": self.arn, "SecretString": self.text}
