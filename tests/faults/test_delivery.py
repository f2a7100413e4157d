"""Event source mappings as AWS has them: batches, lanes, tries, halving, dead letters."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.faults.delivery import Poller, Router, Stream
from tests.faults.dynamodb import DynamoDb, Schema, Table
from tests.faults.functions import FunctionFailed
from tests.faults.messaging import QueueState
from tests.faults.template import QueueSource, Rule, StreamSource, Target

DEAD = "arn:aws:sqs:us-east-1:123456789012:Dead"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:Work"


class Around:
    """A world with one table, two queues and a function that does as it is told."""

    def __init__(self, answer: Callable[[list[dict[str, Any]]], Any]) -> None:
        self.answer, self.clock, self.later = answer, 0.0, []  # type: ignore[var-annotated]
        self.dynamodb = DynamoDb.of([Schema("t", ("pk",), "NEW_IMAGE")])
        self.queues = {DEAD: QueueState(DEAD, 30.0, None, 0), QUEUE: QueueState(QUEUE, 30.0, DEAD, 3)}
        self.events: list[dict[str, Any]] = []
        self.batches: list[list[Any]] = []

    def put(self, *keys: str) -> None:
        for key in keys:
            self.dynamodb.call("PutItem", {"TableName": "t", "Item": {"pk": {"S": key}}}, self.clock)

    def after(self, seconds: float, what: Callable[[], None]) -> None:
        self.later.append((self.clock + seconds, len(self.later), what))

    def now(self) -> float:
        return self.clock

    def invoke(self, _: str, event: Any) -> Any:
        records = event["Records"]
        self.batches.append([record.get("body") or record["dynamodb"]["Keys"]["pk"]["S"] for record in records])
        return self.answer(records)

    def queue(self, arn: str) -> QueueState:
        return self.queues[arn]

    def table(self, name: str) -> Table:
        return self.dynamodb.tables[name]

    def bus_events(self) -> list[dict[str, Any]]:
        return self.events

    def run(self, *sources: Any, until: float = 1e6) -> None:
        for source in sources:
            source.look()
        while self.later:
            self.later.sort(key=lambda due: due[:2])
            at, _, what = self.later.pop(0)
            if at > until:
                return
            self.clock = max(self.clock, at)
            what()
            for source in sources:
                source.look()


def stream(**more: Any) -> StreamSource:
    given = {"batch": 10, "window": 0, "lanes": 1, "bisects": False, "retries": 2, "reports": True, "filters": ()}
    return StreamSource(function="f", table="t", dead_letters=DEAD, **{**given, **more})


def fails_with(*bad: str) -> Callable[[list[dict[str, Any]]], Any]:
    def answer(records: list[dict[str, Any]]) -> Any:
        if any(record["dynamodb"]["Keys"]["pk"]["S"] in bad for record in records):
            raise FunctionFailed("Boom", "")
        return {"batchItemFailures": []}

    return answer


def reports(*bad: str) -> Callable[[list[dict[str, Any]]], Any]:
    def answer(records: list[dict[str, Any]]) -> Any:
        failed = [record["dynamodb"] for record in records if record["dynamodb"]["Keys"]["pk"]["S"] in bad]
        return {"batchItemFailures": [{"itemIdentifier": each["SequenceNumber"]} for each in failed]}

    return answer


def test_a_batch_is_halved_until_the_poison_record_is_alone_and_its_neighbours_proceed() -> None:
    around = Around(fails_with("c"))
    source = Stream(stream(bisects=True), around)
    around.put("a", "b", "c", "d")
    around.run(source)

    assert around.batches == [["a", "b", "c", "d"], ["a", "b"], ["c", "d"], ["c"], ["c"], ["c"], ["d"]]
    (letter,) = around.queues[DEAD].messages
    where = json.loads(letter.body)["DDBStreamBatchInfo"]
    assert (where["startSequenceNumber"], where["batchSize"]) == (f"{3:021d}", 1)


def test_what_is_reported_comes_again_from_the_first_failure_on() -> None:
    around = Around(reports("b"))
    source = Stream(stream(), around)
    around.put("a", "b", "c")
    around.run(source)

    assert around.batches[:2] == [["a", "b", "c"], ["b", "c"]]
    assert len(around.batches) == 3
    assert json.loads(around.queues[DEAD].messages[0].body)["DDBStreamBatchInfo"]["batchSize"] == 2


def test_without_a_limit_a_record_is_tried_as_long_as_the_stream_keeps_it() -> None:
    around = Around(fails_with("a"))
    source = Stream(stream(retries=-1), around)
    around.put("a")
    around.run(source)

    assert around.clock > 86_400
    assert json.loads(around.queues[DEAD].messages[0].body)["requestContext"]["condition"] == "MaxRecordAgeExceeded"


def test_what_arrives_during_a_batch_shares_the_next_one() -> None:
    def answer(records: list[dict[str, Any]]) -> Any:
        if len(around.batches) == 1:
            around.put("b", "c")

    around = Around(answer)
    source = Stream(stream(), around)
    around.put("a")
    around.run(source)

    assert around.batches == [["a"], ["b", "c"]]


def test_lanes_work_side_by_side_and_an_item_stays_in_its_own() -> None:
    around = Around(fails_with("a"))
    source = Stream(stream(lanes=8), around)
    around.put("a", "b", "c", "d", "e")
    around.run(source)

    (mates,) = {frozenset(batch) for batch in around.batches if "a" in batch}
    others = [key for batch in around.batches for key in batch if key not in mates]
    assert sorted(others) == sorted({"b", "c", "d", "e"} - mates)
    assert others


def test_a_record_that_no_filter_lets_through_wakes_nobody() -> None:
    around = Around(reports())
    source = Stream(stream(filters=({"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "x"}]}}}},)), around)
    around.put("a", "xa")
    around.run(source)

    assert around.batches == [["xa"]]


def test_a_message_that_is_never_handled_ends_behind_its_queue() -> None:
    around = Around(lambda records: {"batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in records]})
    poller = Poller(QueueSource("f", QUEUE, batch=10, window=0, reports=True), around)
    around.queue(QUEUE).send("hello", 0.0)
    around.run(poller)

    assert around.batches == [["hello"]] * 3
    assert [message.body for message in around.queues[DEAD].messages] == ["hello"]
    assert around.clock >= 90.0


@pytest.fixture
def answered() -> Around:
    return Around(lambda _: None)


def test_events_that_match_a_rule_reach_its_target_and_others_do_not(answered: Around) -> None:
    router = Router([Rule("fluxion", {"detail-type": ["Bad"]}, (Target(QUEUE),))], answered)
    for bus, kind in (("fluxion", "Bad"), ("fluxion", "Good"), ("default", "Bad")):
        answered.events.append({"bus": bus, "detail-type": kind, "detail": {}})
    answered.run(router)

    assert [json.loads(message.body) for message in answered.queue(QUEUE).messages] == [
        {"detail-type": "Bad", "detail": {}}
    ]
