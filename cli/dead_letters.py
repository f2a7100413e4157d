"""What nobody could handle and was kept, and how it is handled after all.

Four kinds of messages wait in the stack's dead-letter queues. A queue that is worked off has a queue behind it: what
waits there goes back. A record that ``start_workflow`` set aside is whole: it is handed over again. What Lambda wrote
when it gave up on a stream is only a position: the records are read from the stream, which keeps them for 24 hours.
An event that was to call a function, or the call that failed, is made again.

A message is deleted once its replay has succeeded. Until then it stays as it came.
"""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cli.aws import ControlPlane
from cli.errors import Refused
from tenancy.domain.batching import packs

SETS_ASIDE = "fluxion-start-workflow"
"""The function that keeps records that it cannot handle, whole, in a queue."""

_MOST_AT_A_TIME = 1000
_TAKEN_SECONDS = 900
_WAIT_SECONDS = 1  # above 0, SQS asks all of its servers, not some
_A_CALL = 10  # ReceiveMessage, API reference
_PAYLOAD_BYTES = 5 * 1024 * 1024  # Lambda takes 6 MB in one invocation
_EMPTY_PAGES = 100  # a shard may give pages without records before the next that has some

# A function may work for 15 minutes. Asking again meanwhile would only make it do the same twice at once.
_PATIENT = Config(connect_timeout=5, read_timeout=930, retries={"mode": "standard", "total_max_attempts": 1})


class NotReplayed(Exception):
    """The message stays. ``str(error)`` says why."""


@dataclass(frozen=True)
class Queue:
    """A dead-letter queue. ``source``: name and address of the queue in front of it, where there is one."""

    name: str
    url: str
    waiting: int
    source: tuple[str, str] | None

    @property
    def replay(self) -> str:
        """What a replay does, for a person."""
        return f"back to {self.source[0]}" if self.source else "handed to its function again"


@dataclass(frozen=True)
class Letter:
    """A message of a dead-letter queue, taken from it for a while."""

    id: str
    handle: str
    body: str
    sent_at: str
    attributes: Mapping[str, Any]

    @cached_property
    def content(self) -> Mapping[str, Any]:
        """The body as an object; empty if it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def target(self) -> str:
        """Whom EventBridge could not deliver it to; empty if it did not come from there."""
        return str(self.attributes.get("TARGET_ARN", {}).get("StringValue", ""))

    @property
    def record(self) -> str | None:
        """The record that was set aside, as text that equals that of another message about the same one."""
        found = self.content.get("record")
        return json.dumps(found, sort_keys=True) if found else None


@dataclass(frozen=True)
class Outcome:
    """What became of a message; ``error``: why it stays."""

    letter: Letter
    error: str | None


class DeadLetters:
    """The dead-letter queues of a deployed stack."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane
        self._sqs = control_plane.client("sqs")

    def queues(self) -> list[Queue]:
        """All of them, by name: the queues behind queues, and those that nothing works off."""
        urls = self._control_plane.resources("AWS::SQS::Queue")
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

    def queue(self, name: str) -> Queue:
        """The queue of this name. Raises Refused if there is none."""
        queues = {queue.name: queue for queue in self.queues()}
        try:
            return queues[name]
        except KeyError:
            raise Refused(f"'{name}' is no dead-letter queue of the stack; these are: {', '.join(queues)}.") from None

    def _attributes(self, url: str) -> dict[str, str]:
        return dict(self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"])

    # --- looking ------------------------------------------------------------------------------------------------------

    def peek(self, queue: Queue, most: int) -> list[Letter]:
        """What waits, at most so many. It is there again at once."""
        letters = self._take(queue, min(most, queue.waiting))
        self._put_back(queue, letters)
        return letters

    def _take(self, queue: Queue, most: int) -> list[Letter]:
        """Messages that nobody else gets meanwhile."""
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

    def _put_back(self, queue: Queue, letters: Sequence[Letter]) -> None:
        for letter in letters:
            self._sqs.change_message_visibility(QueueUrl=queue.url, ReceiptHandle=letter.handle, VisibilityTimeout=0)

    # --- working through ----------------------------------------------------------------------------------------------

    def work_through(self, queue: Queue) -> list[Outcome]:
        """Replay what waits now, at most 1,000 messages. What succeeds is deleted, the rest stays as it was."""
        outcomes = [self._tried_and_removed(queue, letter) for letter in self._take(queue, _MOST_AT_A_TIME)]
        again = self._set_aside_again(queue, {outcome.letter.record for outcome in outcomes} - {None})
        outcomes = [Outcome(each.letter, each.error or again.get(each.letter.record)) for each in outcomes]
        for outcome in outcomes:
            if outcome.letter.record and outcome.error is None:
                self._remove(queue, outcome.letter)
        self._put_back(queue, [outcome.letter for outcome in outcomes if outcome.error])
        return outcomes

    def _tried_and_removed(self, queue: Queue, letter: Letter) -> Outcome:
        """Of a record that may be set aside again, success is known later."""
        outcome = Outcome(letter, self._tried(queue, letter))
        if outcome.error is None and letter.record is None:
            self._remove(queue, letter)
        return outcome

    def _remove(self, queue: Queue, letter: Letter) -> None:
        self._sqs.delete_message(QueueUrl=queue.url, ReceiptHandle=letter.handle)

    def _tried(self, queue: Queue, letter: Letter) -> str | None:
        try:
            self._replay(queue, letter)
        except NotReplayed as error:
            return str(error)
        except ClientError as error:
            answer = error.response["Error"]
            return f"AWS answered {answer['Code']} to {error.operation_name}: {answer['Message']}"
        except BotoCoreError as error:
            return f"AWS could not be asked: {error}"
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            return f"it is not what this command knows ({type(error).__name__}: {error}); read it with --json"
        return None

    def _replay(self, queue: Queue, letter: Letter) -> None:
        content = letter.content
        if queue.source:
            self._sqs.send_message(
                QueueUrl=queue.source[1], MessageBody=letter.body, MessageAttributes=dict(letter.attributes)
            )
        elif "DDBStreamBatchInfo" in content:
            function, batch = content["requestContext"]["functionArn"], content["DDBStreamBatchInfo"]
            self._invoke(_name(function), self._wanted(_name(function), batch))
        elif letter.record:
            self._invoke(SETS_ASIDE, [content["record"]])
        elif "requestPayload" in content:
            self._call(_name(content["requestContext"]["functionArn"]), content["requestPayload"])
        elif letter.target.startswith("arn:aws:lambda:"):
            self._call(_name(letter.target), content)
        else:
            raise NotReplayed("nothing says which function it is for; read it with --json")

    def _set_aside_again(self, queue: Queue, records: set[str | None]) -> dict[str | None, str]:
        """Why records came back: the function that gets them does not fail, it sets them aside as a new message.

        The message that was there before is the one that stays.
        """
        if not records:
            return {}
        newcomers = self._take(queue, _MOST_AT_A_TIME)
        again = [letter for letter in newcomers if letter.record in records]
        for letter in again:
            self._remove(queue, letter)
        self._put_back(queue, [letter for letter in newcomers if letter.record not in records])
        return {letter.record: f"set aside again: {_why(letter.content)}" for letter in again}

    # --- functions and streams ----------------------------------------------------------------------------------------

    @cached_property
    def _lambda(self) -> Any:
        return self._control_plane.client("lambda", _PATIENT)

    @cached_property
    def _functions(self) -> set[str]:
        return set(self._control_plane.resources("AWS::Lambda::Function").values())

    def _invoke(self, function: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Let a function handle records as if its event source had handed them over. Raises NotReplayed."""
        for some in packs(records, {"bytes": _PAYLOAD_BYTES}, lambda record: {"bytes": len(_json(record))}):
            left: Sequence[Mapping[str, Any]] = some
            while left:
                answer = self._call(function, {"Records": left}) or {}
                failed = {each["itemIdentifier"] for each in answer.get("batchItemFailures") or []}
                places = (place for place, record in enumerate(left) if _number(record) in failed)
                done = next(places, 0 if failed else len(left))
                if not done:
                    raise NotReplayed(f"{function} could not handle {len(left)} records: see its log")
                left = left[done:]

    def _call(self, function: str, event: Mapping[str, Any]) -> Any:
        """What a function of the stack answers. Raises NotReplayed if it fails."""
        if function not in self._functions:
            raise NotReplayed(f"{function} is no function of the stack")
        answer = self._lambda.invoke(FunctionName=function, Payload=_json(event).encode())
        payload = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise NotReplayed(f"{function} failed: {payload.get('errorType')}: {payload.get('errorMessage')}")
        return payload

    def _wanted(self, function: str, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The records of a batch that Lambda gave up on: those that the function's mapping lets through.

        Between them may be some of another batch, where a mapping has more than one in flight. Such a record has been
        handled before, and that is harmless: a stream may repeat any.
        """
        mappings = self._lambda.list_event_source_mappings(FunctionName=function, EventSourceArn=batch["streamArn"])
        filters = [
            json.loads(each["Pattern"])
            for mapping in mappings["EventSourceMappings"]
            for each in mapping.get("FilterCriteria", {}).get("Filters", [])
        ]
        records = [json.loads(_json(record)) for record in self._read(batch)]
        wanted = [
            {**record, "eventSourceARN": batch["streamArn"]}
            for record in records
            if not filters or any(matches(pattern, record) for pattern in filters)
        ]
        if not wanted:
            raise NotReplayed("the stream has records there, but none that the function's mapping lets through")
        return wanted

    def _read(self, batch: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """The stream's records from the batch's first to its last. Raises NotReplayed if they are gone."""
        client = self._control_plane.client("dynamodbstreams")
        gone = (
            f"the stream has no more what was written at {batch['approximateArrivalOfFirstRecord']}: 24 hours are over"
        )
        try:
            iterator = client.get_shard_iterator(
                StreamArn=batch["streamArn"],
                ShardId=batch["shardId"],
                ShardIteratorType="AT_SEQUENCE_NUMBER",
                SequenceNumber=batch["startSequenceNumber"],
            )["ShardIterator"]
            last, empty = int(batch["endSequenceNumber"]), 0
            while iterator and empty < _EMPTY_PAGES:
                page = client.get_records(ShardIterator=iterator)
                for record in page["Records"]:
                    if (number := int(record["dynamodb"]["SequenceNumber"])) <= last:
                        yield record
                    if number >= last:
                        return
                iterator, empty = page.get("NextShardIterator"), 0 if page["Records"] else empty + 1
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("TrimmedDataAccessException", "ResourceNotFoundException"):
                raise
        raise NotReplayed(gone)


def matches(pattern: Any, value: Any) -> bool:
    """Whether an event source's filter lets a record through, as far as this stack's filters go."""
    if isinstance(pattern, Mapping):
        return isinstance(value, Mapping) and all(matches(wanted, value.get(key)) for key, wanted in pattern.items())
    return any(_equals(alternative, value) for alternative in pattern)


def _equals(alternative: Any, value: Any) -> bool:
    if isinstance(alternative, Mapping):
        if set(alternative) != {"prefix"}:
            raise NotReplayed(f"a filter asks for {json.dumps(alternative)}, which this command does not know")
        return isinstance(value, str) and value.startswith(alternative["prefix"])
    return bool(alternative == value)


def described(letter: Letter) -> str:
    """A message in one line, for a person; its beginning, if it is not what it seems."""
    try:
        return _described(letter)
    except (AttributeError, LookupError, TypeError):
        return letter.body[:100]


def _described(letter: Letter) -> str:
    content = letter.content
    if batch := content.get("DDBStreamBatchInfo"):
        context = content["requestContext"]
        since = batch["approximateArrivalOfFirstRecord"]
        return f"{_name(context['functionArn'])}: {context['condition']}, {batch['batchSize']} records since {since}"
    if record := content.get("record"):
        tenant = record.get("dynamodb", {}).get("Keys", {}).get("tenant_id", {}).get("S", "?")
        return f"{tenant} {record.get('eventName')}: {_why(content)}"
    if detail := content.get("detail"):
        tenant = detail.get("metadata", {}).get("tenant_id") or detail.get("name", "?")
        code = detail.get("data", {}).get("code") or detail.get("status", "")
        return f"{tenant} {content.get('detail-type')}: {code}"
    function = letter.target or content.get("requestContext", {}).get("functionArn", "")
    return f"a call of {_name(function)}" if ":function:" in function else letter.body[:100]


def _why(content: Mapping[str, Any]) -> str:
    return f"{content.get('error')}: {content.get('message')}"


def _name(function_arn: str) -> str:
    """``arn:aws:lambda:region:account:function:NAME`` and perhaps a version → NAME."""
    return function_arn.split(":")[6]


def _number(record: Mapping[str, Any]) -> str | None:
    """A record's sequence number. One that was set aside may be anything."""
    found: str | None = record.get("dynamodb", {}).get("SequenceNumber")
    return found


def _waiting(attributes: Mapping[str, str]) -> int:
    return int(attributes["ApproximateNumberOfMessages"]) + int(attributes["ApproximateNumberOfMessagesNotVisible"])


def _moment(milliseconds: str) -> str:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _json(value: Any) -> str:
    """As Lambda writes a record: moments as seconds, bytes in base64."""

    def other(found: Any) -> Any:
        return found.timestamp() if isinstance(found, datetime) else base64.b64encode(found).decode()

    return json.dumps(value, default=other)
