"""`fluxion replay`: what succeeds leaves its dead-letter queue, what does not stays as it came."""

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from cli.dead_letters import queues, replaying
from cli.dead_letters.functions import NotReplayed, matches
from tests.unit.cli.conftest import Deployed, Fluxion
from tests.unit.template.reading import FUNCTIONS, RESOURCES, of_type

pytestmark = pytest.mark.slow

RECORD = {"eventID": "e1", "eventName": "MODIFY", "dynamodb": {"Keys": {"tenant_id": {"S": "granja"}}}}
POISON = {"record": RECORD, "error": "AccessDenied", "message": "no"}
QUEUES = {"FailureEventsDeadLetterQueue", "PoisonQueue", "ReconcileDeadLetterQueue", "StreamFailuresQueue"}
ATTRIBUTES = {"RULE_ARN": {"DataType": "String", "StringValue": "arn:rule"}}


@dataclass
class Functions:
    """A Lambda that answers as it is told, and remembers what it was given."""

    invoked: list[tuple[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)
    filters: list[dict[str, str]] = field(default_factory=list)
    aside: Any = None

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - boto3's spelling
        event = json.loads(Payload)
        self.invoked.append((FunctionName, event.get("Records", event)))
        if self.aside:
            self.aside()
        answer = self.answers.pop(0) if self.answers else {}
        return {**answer, "Payload": io.BytesIO(json.dumps(answer.get("Payload")).encode())}

    def list_event_source_mappings(self, **_: str) -> dict[str, Any]:
        return {"EventSourceMappings": [{"FilterCriteria": {"Filters": self.filters}} if self.filters else {}]}


@dataclass
class Letters:
    """The stack's queues and functions, as a test fills and reads them."""

    deployed: Deployed
    functions: Functions

    def put(self, queue: str, body: Any, **more: Any) -> None:
        body = body if isinstance(body, str) else json.dumps(body)
        boto3.client("sqs").send_message(QueueUrl=self.url(queue), MessageBody=body, **more)

    def url(self, queue: str) -> str:
        return self.deployed.resources[queue][1]

    def read(self, queue: str) -> list[dict[str, Any]]:
        found = boto3.client("sqs").receive_message(
            QueueUrl=self.url(queue), MaxNumberOfMessages=10, VisibilityTimeout=0, MessageAttributeNames=["All"]
        )
        return list(found.get("Messages", []))

    def bodies(self, queue: str) -> list[Any]:
        return [json.loads(message["Body"]) for message in self.read(queue)]


@pytest.fixture
def letters(deployed: Deployed, monkeypatch: pytest.MonkeyPatch) -> Letters:
    monkeypatch.setattr(queues, "_WAIT_SECONDS", 0)
    sqs = boto3.client("sqs")

    def queue(name: str, **attributes: str) -> None:
        url = sqs.create_queue(QueueName=f"fluxion-{name}", Attributes=attributes)["QueueUrl"]
        deployed.resources[name] = ("AWS::SQS::Queue", url)

    for name in QUEUES:
        queue(name)
    arn = sqs.get_queue_attributes(
        QueueUrl=deployed.resources["FailureEventsDeadLetterQueue"][1], AttributeNames=["QueueArn"]
    )["Attributes"]["QueueArn"]
    queue("FailureEventsQueue", RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3}))
    for name in ("start-workflow", "publish-events", "reconcile"):
        deployed.resources[name] = ("AWS::Lambda::Function", f"fluxion-{name}")
    functions = Functions()
    deployed.stand_ins["lambda"] = functions
    return Letters(deployed, functions)


def given_up(stream: dict[str, Any], function: str = "publish-events", **batch: Any) -> dict[str, Any]:
    """What Lambda writes when it gives up on records of a stream."""
    return {
        "requestContext": {
            "functionArn": f"arn:aws:lambda:us-east-1:123456789012:function:fluxion-{function}",
            "condition": "RetryAttemptsExhausted",
        },
        "DDBStreamBatchInfo": {**stream, "batchSize": 2, "approximateArrivalOfFirstRecord": "2026-11-24T08:00:00Z"}
        | batch,
    }


@dataclass
class Stream:
    """A stream whose pages have one record each, and some none; moto has no streams to read from."""

    kept_from: int = 0

    def get_shard_iterator(self, SequenceNumber: str, **_: str) -> dict[str, str]:  # noqa: N803
        if int(SequenceNumber) < self.kept_from:
            raise ClientError({"Error": {"Code": "TrimmedDataAccessException", "Message": "x"}}, "GetShardIterator")
        return {"ShardIterator": f"{SequenceNumber} empty"}

    def get_records(self, ShardIterator: str) -> dict[str, Any]:  # noqa: N803
        number, _, empty = ShardIterator.partition(" ")
        if empty:
            return {"Records": [], "NextShardIterator": number}
        record = {
            "eventName": "INSERT",
            "dynamodb": {
                "SequenceNumber": number,
                "Keys": {"sk": {"S": "TENANT" if number == "103" else f"EVENT#{number}"}},
                "NewImage": {"blob": {"B": b"\x00"}},
                "ApproximateCreationDateTime": datetime(2026, 11, 24, tzinfo=UTC),
            },
        }
        return {"Records": [record], "NextShardIterator": f"{int(number) + 1} empty"}


@pytest.fixture
def stream(deployed: Deployed) -> dict[str, Any]:
    """The position of the records 102, 103 and 104."""
    deployed.stand_ins["dynamodbstreams"] = Stream()
    return {"streamArn": "arn:stream", "shardId": "s", "startSequenceNumber": "102", "endSequenceNumber": "104"}


def is_refused(fluxion: Fluxion, queue: str, words: str) -> None:
    """Not all of the queue can be replayed, and the command says so in these words."""
    result = fluxion("replay", "--queue", queue)
    assert result.exit_code == 1
    assert words in result.output


# --- looking ----------------------------------------------------------------------------------------------------------


def test_it_shows_what_waits_and_takes_nothing(letters: Letters, fluxion: Fluxion) -> None:
    letters.put("PoisonQueue", POISON)

    for _ in range(2):
        shown = {each["queue"]: each for each in fluxion.json("replay")}
        assert set(shown) == QUEUES
        assert [json.loads(each["body"]) for each in shown["PoisonQueue"]["messages"]] == [POISON]
        assert shown["FailureEventsDeadLetterQueue"]["replay"] == "back to FailureEventsQueue"

    text = fluxion("replay").output
    assert "granja MODIFY: AccessDenied: no" in text
    assert "fluxion replay --queue PoisonQueue" in text
    assert letters.functions.invoked == []


def test_a_name_that_is_no_dead_letter_queue_is_refused(letters: Letters, fluxion: Fluxion) -> None:
    for name in ("FailureEventsQueue", "Nothing"):
        result = fluxion("replay", "--queue", name)
        assert result.exit_code == 1
        assert "PoisonQueue" in result.stderr


def test_what_a_message_says_cannot_harm_a_terminal(letters: Letters, fluxion: Fluxion) -> None:
    letters.put("PoisonQueue", {"record": RECORD, "error": "\x1b[31mred", "message": "\r"})
    letters.put("PoisonQueue", "not JSON \u202e")

    assert not set(fluxion("replay").output) & {"\x1b", "\r", "\u202e"}
    assert not set(fluxion("replay", "--queue", "PoisonQueue").output) & {"\x1b", "\r", "\u202e"}


# --- a queue behind a queue -------------------------------------------------------------------------------------------


def test_what_a_queue_gave_up_goes_back_to_it_with_its_attributes(letters: Letters, fluxion: Fluxion) -> None:
    event = {"detail-type": "TenantStalled", "detail": {"metadata": {"tenant_id": "granja"}}}
    letters.put("FailureEventsDeadLetterQueue", event, MessageAttributes=ATTRIBUTES)

    assert fluxion.json("replay", "--queue", "FailureEventsDeadLetterQueue")["done"] == 1

    (message,) = letters.read("FailureEventsQueue")
    assert json.loads(message["Body"]) == event
    assert message["MessageAttributes"]["RULE_ARN"]["StringValue"] == "arn:rule"
    assert letters.read("FailureEventsDeadLetterQueue") == []


def test_more_than_one_call_takes_is_worked_through(letters: Letters, fluxion: Fluxion) -> None:
    for number in range(25):
        letters.put("FailureEventsDeadLetterQueue", {"n": number})

    assert fluxion.json("replay", "--queue", "FailureEventsDeadLetterQueue")["done"] == 25


# --- records that were set aside --------------------------------------------------------------------------------------


def test_a_record_that_was_set_aside_is_handed_over_as_it_came(letters: Letters, fluxion: Fluxion) -> None:
    letters.put("PoisonQueue", POISON)

    assert fluxion.json("replay", "--queue", "PoisonQueue")["done"] == 1

    assert letters.functions.invoked == [("fluxion-start-workflow", [RECORD])]
    assert letters.read("PoisonQueue") == []


def test_a_record_that_is_set_aside_again_stays_once_and_as_it_was(letters: Letters, fluxion: Fluxion) -> None:
    first = {"record": RECORD, "error": "AccessDenied", "message": "the first error"}
    letters.put("PoisonQueue", first)
    letters.functions.aside = lambda: letters.put(
        "PoisonQueue", {"record": RECORD, "error": "RequestRefused", "message": "the second error"}
    )

    is_refused(fluxion, "PoisonQueue", "set aside again: RequestRefused: the second error")
    assert letters.bodies("PoisonQueue") == [first]


def test_what_comes_into_the_queue_meanwhile_stays_there(letters: Letters, fluxion: Fluxion) -> None:
    other = {"record": {**RECORD, "eventID": "e2"}, "error": "AccessDenied", "message": "no"}
    letters.put("PoisonQueue", POISON)
    letters.functions.aside = lambda: letters.put("PoisonQueue", other)

    assert fluxion.json("replay", "--queue", "PoisonQueue")["done"] == 1
    assert letters.bodies("PoisonQueue") == [other]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"FunctionError": "Unhandled", "Payload": {"errorType": "KeyError", "errorMessage": "x"}}, "KeyError: x"),
        ({"Payload": {"batchItemFailures": [{"itemIdentifier": "unknown"}]}}, "could not handle 1 records"),
    ],
)
def test_a_record_whose_function_fails_stays(
    letters: Letters, fluxion: Fluxion, answer: dict[str, Any], words: str
) -> None:
    poison = {"record": RECORD | {"dynamodb": {"SequenceNumber": "1"}}, "error": "E", "message": "m"}
    letters.put("PoisonQueue", poison)
    letters.functions.answers = [answer]

    is_refused(fluxion, "PoisonQueue", words)
    assert letters.bodies("PoisonQueue") == [poison]


def test_what_nobody_understands_stays_and_holds_up_no_other(letters: Letters, fluxion: Fluxion) -> None:
    letters.put("PoisonQueue", {"why": "a test"})
    letters.put("PoisonQueue", POISON)

    assert fluxion("replay", "--queue", "PoisonQueue").exit_code == 1
    assert letters.bodies("PoisonQueue") == [{"why": "a test"}]


@pytest.mark.parametrize(
    "body",
    [
        {"DDBStreamBatchInfo": {}, "requestContext": {}},
        {"DDBStreamBatchInfo": 1},
        {"record": "no record"},
        {"requestPayload": {}, "requestContext": {"functionArn": "short"}},
        {"detail": "x"},
        [1],
    ],
)
def test_a_message_that_is_not_what_it_seems_stays_and_holds_up_no_other(
    letters: Letters, fluxion: Fluxion, body: Any
) -> None:
    letters.put("PoisonQueue", body)
    letters.put("PoisonQueue", POISON)
    assert fluxion("replay").exit_code == 0

    result = fluxion("replay", "--queue", "PoisonQueue")

    assert (result.exit_code, "Traceback" in result.output) == (1, False)
    assert "1 done" in result.output
    assert letters.bodies("PoisonQueue") == [body]


def test_an_aws_that_does_not_answer_leaves_what_it_was_asked_for(letters: Letters, fluxion: Fluxion) -> None:
    class Silent(Functions):
        def invoke(self, **_: Any) -> dict[str, Any]:
            raise ReadTimeoutError(endpoint_url="https://lambda")

    letters.put("PoisonQueue", POISON)
    letters.deployed.stand_ins["lambda"] = Silent()

    is_refused(fluxion, "PoisonQueue", "could not be asked")
    assert letters.bodies("PoisonQueue") == [POISON]


# --- records of a stream ----------------------------------------------------------------------------------------------


def test_what_a_function_gave_up_is_read_from_the_stream_and_handed_over_as_lambda_would(
    letters: Letters, fluxion: Fluxion, stream: dict[str, Any]
) -> None:
    letters.functions.filters = [{"Pattern": '{"dynamodb": {"Keys": {"sk": {"S": [{"prefix": "EVENT#"}]}}}}'}]
    letters.put("StreamFailuresQueue", given_up(stream))

    assert fluxion.json("replay", "--queue", "StreamFailuresQueue")["done"] == 1

    ((function, records),) = letters.functions.invoked
    assert function == "fluxion-publish-events"
    assert [record["dynamodb"]["Keys"]["sk"]["S"] for record in records] == ["EVENT#102", "EVENT#104"]
    assert {record["eventSourceARN"] for record in records} == {stream["streamArn"]}
    assert records[0]["dynamodb"]["NewImage"]["blob"] == {"B": "AA=="}
    assert isinstance(records[0]["dynamodb"]["ApproximateCreationDateTime"], int | float)
    assert letters.read("StreamFailuresQueue") == []


def test_a_function_that_does_some_of_it_gets_the_rest_again(
    letters: Letters, fluxion: Fluxion, stream: dict[str, Any]
) -> None:
    letters.put("StreamFailuresQueue", given_up(stream))
    last = stream["endSequenceNumber"]
    letters.functions.answers = [{"Payload": {"batchItemFailures": [{"itemIdentifier": last}]}}]

    assert fluxion.json("replay", "--queue", "StreamFailuresQueue")["done"] == 1
    assert [len(records) for _, records in letters.functions.invoked] == [3, 1]


def test_records_that_the_stream_has_no_more_stay_on_record(
    letters: Letters, fluxion: Fluxion, stream: dict[str, Any]
) -> None:
    body = given_up(stream)
    letters.put("StreamFailuresQueue", body)
    letters.deployed.stand_ins["dynamodbstreams"] = Stream(kept_from=103)

    is_refused(fluxion, "StreamFailuresQueue", "24 hours are over")
    assert letters.bodies("StreamFailuresQueue") == [body]


def test_a_message_cannot_make_the_operator_call_any_other_function(
    letters: Letters, fluxion: Fluxion, stream: dict[str, Any]
) -> None:
    letters.put("StreamFailuresQueue", given_up(stream, "somebody-elses"))

    is_refused(fluxion, "StreamFailuresQueue", "no function of the stack")
    assert letters.functions.invoked == []


# --- calls of a function ----------------------------------------------------------------------------------------------


def test_a_call_that_failed_and_one_that_could_not_be_made_are_made_again(letters: Letters, fluxion: Fluxion) -> None:
    arn = "arn:aws:lambda:us-east-1:123456789012:function:fluxion-reconcile"
    schedule = {"detail-type": "Scheduled Event", "detail": {}}
    letters.put(
        "ReconcileDeadLetterQueue", {"requestContext": {"functionArn": arn}, "requestPayload": schedule | {"id": "1"}}
    )
    target = {"TARGET_ARN": {"DataType": "String", "StringValue": arn}}
    letters.put("ReconcileDeadLetterQueue", schedule | {"id": "2"}, MessageAttributes=target)
    assert fluxion("replay").output.count("a call of fluxion-reconcile") == 2

    assert fluxion.json("replay", "--queue", "ReconcileDeadLetterQueue")["done"] == 2

    assert sorted(event["id"] for _, event in letters.functions.invoked) == ["1", "2"]
    assert {function for function, _ in letters.functions.invoked} == {"fluxion-reconcile"}


# --- the template -----------------------------------------------------------------------------------------------------


def test_every_filter_of_the_template_is_one_that_a_replay_knows() -> None:
    patterns = [
        json.loads(each["Pattern"])
        for function in FUNCTIONS.values()
        for event in function.get("Events", {}).values()
        for each in event["Properties"].get("FilterCriteria", {}).get("Filters", [])
    ]
    event = {"eventName": "INSERT", "dynamodb": {"Keys": {"sk": {"S": "EVENT#000001"}}}}

    assert [matches(pattern, event) for pattern in patterns] == [True]
    assert not any(matches(pattern, event | {"eventName": "REMOVE"}) for pattern in patterns)
    assert not any(matches(pattern, {"eventName": "INSERT"}) for pattern in patterns)
    with pytest.raises(NotReplayed):
        matches({"eventName": [{"suffix": "ERT"}]}, event)


def test_a_queue_that_nothing_works_off_is_one_that_a_replay_knows() -> None:
    queues = of_type("AWS::SQS::Queue")
    behind = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in queues.values()
        if "RedrivePolicy" in queue
    }

    assert {name for name, queue in queues.items() if "RedrivePolicy" not in queue} - behind == QUEUES - {
        "FailureEventsDeadLetterQueue"
    }
    assert RESOURCES["StartWorkflow"]["Properties"]["FunctionName"] == replaying.SETS_ASIDE
