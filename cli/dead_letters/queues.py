"""Read the dead-letter queues of a deployed stack, and move the messages in them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from cli.errors import Refused
from cli.session import Session

_TAKEN_SECONDS = 900
_WAIT_SECONDS = 1  # above 0, SQS asks all of its servers, not some
_A_CALL = 10  # ReceiveMessage, API reference


@dataclass(frozen=True)
class Queue:
    """Stand for a dead-letter queue. ``source``: name and address of the queue in front of it, where there is one."""

    name: str
    url: str
    waiting: int
    source: tuple[str, str] | None

    @property
    def replay(self) -> str:
        """Return what a replay does, for a person."""
        return f"back to {self.source[0]}" if self.source else "handed to its function again"


@dataclass(frozen=True)
class Letter:
    """Stand for a message of a dead-letter queue that was taken from it for a while."""

    id: str
    handle: str
    body: str
    sent_at: str
    attributes: Mapping[str, Any]

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """Return the body as an object; empty if it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def target(self) -> str:
        """Return whom EventBridge could not deliver it to; empty if it did not come from there."""
        return str(self.attributes.get("TARGET_ARN", {}).get("StringValue", ""))

    @property
    def record(self) -> str | None:
        """Return the record that was set aside, as text that equals that of another message about the same one."""
        found = self.content.get("record")
        return json.dumps(found, sort_keys=True) if found else None


class DeadLetterQueues:
    """List the dead-letter queues of a deployed stack, and take, put back, send and delete their messages."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._sqs = session.client("sqs")

    def all(self) -> "list[Queue]":
        """Return all of them, by name: the queues behind queues, and those that nothing works off."""
        urls = self._session.resources("AWS::SQS::Queue")
        found = {name: self._attributes(url) for name, url in urls.items()}
        sources = {
            json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"]: (name, urls[name])
            for name, attributes in found.items()
            if "RedrivePolicy" in attributes
        }
        return [
            Queue(name, urls[name], _waiting(attributes), sources.get(attributes["QueueArn"]))
            for name, attributes in sorted(found.items())
            if "RedrivePolicy" not in attributes
        ]

    def named(self, name: str) -> Queue:
        """Return the queue of this name. Raises Refused if there is none."""
        queues = {queue.name: queue for queue in self.all()}
        try:
            return queues[name]
        except KeyError:
            raise Refused(f"'{name}' is no dead-letter queue of the stack; these are: {', '.join(queues)}.") from None

    def _attributes(self, url: str) -> dict[str, str]:
        return dict(self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"])

    def peek(self, queue: Queue, most: int) -> list[Letter]:
        """Return what waits, at most so many messages. It is there again at once."""
        letters = self.take(queue, min(most, queue.waiting))
        self.put_back(queue, letters)
        return letters

    def take(self, queue: Queue, most: int) -> list[Letter]:
        """Return at most so many messages, which nobody else gets for 15 minutes."""
        letters: dict[str, Letter] = {}
        while len(letters) < most and (found := self._receive(queue, min(_A_CALL, most - len(letters)))):
            letters |= {letter.id: letter for letter in found}
        return list(letters.values())

    def _receive(self, queue: Queue, most: int) -> list[Letter]:
        answer = self._sqs.receive_message(
            QueueUrl=queue.url,
            MaxNumberOfMessages=most,
            VisibilityTimeout=_TAKEN_SECONDS,
            WaitTimeSeconds=_WAIT_SECONDS,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=["All"],
        )
        return [
            Letter(
                id=message["MessageId"],
                handle=message["ReceiptHandle"],
                body=message["Body"],
                sent_at=_moment(message["Attributes"]["SentTimestamp"]),
                attributes=message.get("MessageAttributes", {}),
            )
            for message in answer.get("Messages", [])
        ]

    def put_back(self, queue: Queue, letters: Sequence[Letter]) -> None:
        """Let everybody see messages that were taken."""
        for letter in letters:
            self._sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=letter.handle, VisibilityTimeout=0)

    def remove(self, queue: Queue, letter: Letter) -> None:
        """Delete a message that was taken."""
        self._sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=letter.handle)

    def send_on(self, url: str, letter: Letter) -> None:
        """Put a copy of a message into another queue."""
        self._sqs.send_message(QueueUrl=url, MessageBody=letter.body, MessageAttributes=dict(letter.attributes))


def _waiting(attributes: Mapping[str, str]) -> int:
    return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])


def _moment(milliseconds: str) -> str:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
