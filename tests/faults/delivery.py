"""What calls functions by itself: table streams, queues, rules and schedules, as the template's mappings say.

One process, one thing at a time: a lane of a stream has at most one batch in flight, as on AWS.
Source: docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html, …/with-sqs.html. The embedded AWS is held to
the same in local_aws/tests/conformance (test_streams.py, test_sqs_source.py).
"""

import json
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from local_aws.quotas import STREAM_POLL_SECONDS, STREAM_RECORD_SECONDS
from tests.faults.functions import FunctionFailed
from tests.faults.messaging import Message, QueueState, matches
from tests.faults.template import QueueSource, Rule, Schedule, StreamSource

_LONGEST_PAUSE_SECONDS = 60.0


class Around(Protocol):
    """What deliveries need of the world."""

    def after(self, seconds: float, what: Any) -> None:
        """Call ``what`` so many seconds from now."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def invoke(self, function: str, event: Any) -> Any:
        """Raises FunctionFailed."""

    def queue(self, arn: str) -> Any:
        """The state of a queue."""

    def table(self, name: str) -> Any:
        """A table with its stream."""

    def bus_events(self) -> Sequence[Mapping[str, Any]]:
        """Everything that was put on the buses."""


@dataclass
class _Batch:
    records: list[dict[str, Any]]
    failed: int = 0


@dataclass
class _Lane:
    waiting: deque[dict[str, Any]] = field(default_factory=deque)
    work: deque[_Batch] = field(default_factory=deque)
    is_busy: bool = False


class Stream:
    """One event source mapping of a table's stream."""

    def __init__(self, source: StreamSource, around: Around) -> None:
        self.source, self._around = source, around
        self._lanes = [_Lane() for _ in range(source.lanes)]
        self._read = len(around.table(source.table).stream)

    @property
    def is_idle(self) -> bool:
        return not any(lane.is_busy for lane in self._lanes)

    def look(self) -> None:
        """Take new records in, and see to it that they are worked on."""
        stream = self._around.table(self.source.table).stream
        new, self._read = stream[self._read :], len(stream)
        for record in new:
            if not self.source.filters or any(matches(pattern, record) for pattern in self.source.filters):
                key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True).encode()
                self._lanes[zlib.crc32(key) % len(self._lanes)].waiting.append(record)
        for lane in self._lanes:
            if lane.waiting and not lane.is_busy:
                lane.is_busy = True
                self._around.after(STREAM_POLL_SECONDS + self.source.window, lambda lane=lane: self._go_on(lane))

    def _go_on(self, lane: _Lane) -> None:
        if not lane.work:
            size = min(len(lane.waiting), self.source.batch)
            if not size:
                lane.is_busy = False
                return
            lane.work.append(_Batch([lane.waiting.popleft() for _ in range(size)]))
        self._around.after(self._process(lane), lambda: self._go_on(lane))

    def _process(self, lane: _Lane) -> float:
        """Hand over one batch; returns the pause after it, in seconds."""
        batch = lane.work.popleft()
        oldest = batch.records[0]["dynamodb"]["ApproximateCreationDateTime"]
        if self._around.now() - oldest > STREAM_RECORD_SECONDS:
            self._give_up(batch.records, "MaxRecordAgeExceeded")
            return 0.0
        broken = False
        try:
            done = self._done(batch.records, self._around.invoke(self.source.function, {"Records": batch.records}))
        except FunctionFailed:
            done, broken = 0, True
        left = batch.records[done:]
        if not left:
            return 0.0
        failed = 1 if done else batch.failed + 1
        if broken and self.source.bisects and len(left) > 1:
            half = len(left) // 2  # splitting does not count as a try
            lane.work.extendleft([_Batch(left[half:], batch.failed), _Batch(left[:half], batch.failed)])
            return 0.0
        if 0 <= self.source.retries < failed:
            self._give_up(left, "RetryAttemptsExhausted")
            return 0.0
        lane.work.appendleft(_Batch(left, failed))
        return float(min(_LONGEST_PAUSE_SECONDS, 0.5 * 2 ** min(failed, 10)))

    def _done(self, records: Sequence[Mapping[str, Any]], answer: Any) -> int:
        """How many records, from the first, count as processed."""
        if not self.source.reports or not answer or not answer.get("batchItemFailures"):
            return len(records)
        numbers = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        places = {record["dynamodb"]["SequenceNumber"]: place for place, record in enumerate(records)}
        return min(places[number] for number in numbers) if numbers <= places.keys() else 0

    def _give_up(self, records: Sequence[Mapping[str, Any]], condition: str) -> None:
        if self.source.dead_letters is None:
            return
        numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
        message = {
            "requestContext": {
                "functionArn": f"arn:aws:lambda:us-east-1:123456789012:function:{self.source.function}",
                "condition": condition,
            },
            "DDBStreamBatchInfo": {
                "startSequenceNumber": numbers[0],
                "endSequenceNumber": numbers[-1],
                "batchSize": len(records),
                "streamArn": records[0]["eventSourceARN"],
            },
        }
        self._around.queue(self.source.dead_letters).send(json.dumps(message), self._around.now())


class Poller:
    """One event source mapping of a queue."""

    def __init__(self, source: QueueSource, around: Around) -> None:
        self.source, self._around = source, around
        self._is_called = False

    @property
    def is_idle(self) -> bool:
        return not self._is_called

    def look(self) -> None:
        """See to it that visible messages are received, and that hidden ones are when they come back."""
        messages = self._around.queue(self.source.queue).messages
        if messages and not self._is_called:
            self._is_called = True
            wait = max(0.0, min(message.visible for message in messages) - self._around.now())
            self._around.after(wait + STREAM_POLL_SECONDS + self.source.window, self._receive)

    def _receive(self) -> None:
        self._is_called = False
        now, queue = self._around.now(), self._around.queue(self.source.queue)
        due = [message for message in queue.messages if message.visible <= now]
        for message in due:
            message.receives += 1
            if queue.dead_letters and message.receives > queue.most_receives:
                queue.messages.remove(message)
                self._around.queue(queue.dead_letters).send(message.body, now)
        batch = [message for message in due if message in queue.messages][: self.source.batch]
        for message in batch:
            message.visible = now + queue.visibility
        if batch:
            for message in self._handled(batch):
                queue.messages.remove(message)
        self.look()

    def _handled(self, batch: Sequence[Message]) -> list[Message]:
        records = [
            {
                "messageId": message.id,
                "receiptHandle": message.id,
                "body": message.body,
                "attributes": {
                    "ApproximateReceiveCount": str(message.receives),
                    "SentTimestamp": str(int(message.sent * 1000)),
                },
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": self.source.queue,
                "awsRegion": "us-east-1",
            }
            for message in batch
        ]
        try:
            answer = self._around.invoke(self.source.function, {"Records": records})
        except FunctionFailed:
            return []
        failures = (answer or {}).get("batchItemFailures", []) if self.source.reports else []
        again = {failure["itemIdentifier"] for failure in failures}
        return [message for message in batch if message.id not in again]


class Router:
    """The rules of all buses."""

    def __init__(self, rules: Sequence[Rule], around: Around) -> None:
        self._rules, self._around = rules, around
        self._read = len(around.bus_events())

    def look(self) -> None:
        """Bring new events to the targets of the rules that they match."""
        events = self._around.bus_events()
        new, self._read = events[self._read :], len(events)
        for event in new:
            shown = {key: value for key, value in event.items() if key != "bus"}
            for rule in self._rules:
                if rule.bus == event["bus"] and matches(rule.pattern, shown):
                    for target in rule.targets:
                        self._deliver(target.arn, shown, 0)

    def _deliver(self, arn: str, event: Mapping[str, Any], failed: int) -> None:
        if ":sqs:" in arn:
            self._around.queue(arn).send(json.dumps(event), self._around.now())
        elif ":lambda:" in arn:
            self._around.after(STREAM_POLL_SECONDS, lambda: self._call(arn, event, failed))
        else:
            raise NotImplementedError(f"a rule's target {arn} is not known here")

    def _call(self, arn: str, event: Mapping[str, Any], failed: int) -> None:
        """Lambda's own queue of events: two more tries, then it is lost."""
        try:
            self._around.invoke(arn.rpartition(":")[2], event)
        except FunctionFailed:
            if failed < 2:
                self._around.after(60.0 * (failed + 1), lambda: self._call(arn, event, failed + 1))


class DeadLetters:
    """What ``fluxion replay`` does, once the cause is gone."""

    def __init__(self, sources: Sequence[StreamSource], behind: Mapping[str, str], around: Around) -> None:
        """behind: a dead-letter queue's ARN → the queue in front of it."""
        self._sources, self._behind, self._around = sources, behind, around

    def replay(self, queue: QueueState) -> None:
        """Everything that waits in a queue of last resort, again."""
        waiting, queue.messages[:] = list(queue.messages), []
        for message in waiting:
            content = json.loads(message.body)
            if queue.arn in self._behind:
                self._around.queue(self._behind[queue.arn]).send(message.body, self._around.now())
            elif "record" in content:  # start_workflow sets aside what it cannot handle, whole
                self._around.invoke("fluxion-start-workflow", {"Records": [content["record"]]})
            else:
                self._again(content["DDBStreamBatchInfo"], content["requestContext"]["functionArn"])

    def _again(self, where: Mapping[str, Any], function_arn: str) -> None:
        function = function_arn.rpartition(":")[2]
        source = next(source for source in self._sources if source.function == function)
        first, last = where["startSequenceNumber"], where["endSequenceNumber"]
        records = [
            record
            for record in self._around.table(source.table).stream
            if first <= record["dynamodb"]["SequenceNumber"] <= last
            and (not source.filters or any(matches(pattern, record) for pattern in source.filters))
        ]
        if records:
            self._around.invoke(function, {"Records": records})


class Timer:
    """One schedule. It goes only while ``is_on``, so that a world without work comes to rest."""

    def __init__(self, schedule: Schedule, around: Around) -> None:
        self.schedule, self._around = schedule, around

    def fire(self) -> None:
        """Call the function once, now."""
        event = dict(self.schedule.event) or {
            "version": "0",
            "id": "tick",
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "time": f"{self._around.now():.3f}",
            "detail": {},
        }
        with suppress(FunctionFailed):
            self._around.invoke(self.schedule.function, event)
