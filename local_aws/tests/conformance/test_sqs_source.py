"""SQS queues as event sources: batches, windows, concurrency, what comes back."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .case import case

if TYPE_CHECKING:
    from pathlib import Path

    from local_aws.tests.conformance.cloud import Cloud

local_case = partial(
    case, bridge="aws_lambda.sqs_source", on_aws=False, why_not="the handler writes what it saw into a local folder"
)

CONFIGURE = "Lambda Developer Guide, Creating and configuring an Amazon SQS event source mapping"
NOTING = """
import json, os, time
def note(kind, bodies):
    with open(os.path.join({folder!r}, "notes"), "a") as file:
        file.write(json.dumps([kind, time.time(), bodies]) + "\\n")
def handler(event, context):
    bodies = [record["body"] for record in event["Records"]]
    note("start", bodies)
    {body}
"""


def noted(folder: Path, kind: str = "start") -> list[tuple[float, list[str]]]:
    file = folder / "notes"
    lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return [(at, bodies) for found, at, bodies in lines if found == kind]


def connect(cloud: Cloud, folder: Path, body: str = "pass", visibility: int = 30, **settings: Any) -> str:
    """A queue with a function on it. Returns the queue's URL."""
    url, arn = cloud.queue()
    cloud.aws("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(visibility)})
    function = cloud.function(NOTING.format(folder=str(folder), body=body), timeout=min(visibility, 5))
    cloud.aws("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=arn, **settings)
    return url


def send(cloud: Cloud, url: str, *bodies: str) -> None:
    for start in range(0, len(bodies), 10):
        entries = [{"Id": f"m{n}", "MessageBody": body} for n, body in enumerate(bodies[start : start + 10])]
        cloud.aws("sqs").send_message_batch(QueueUrl=url, Entries=entries)


@local_case(
    "what arrives within MaximumBatchingWindowInSeconds is one call, above ten messages too",
    source=CONFIGURE,
    still_different="A nearly empty queue may wait up to 20 s on AWS.",
)
def test_messages_of_a_window_are_one_batch(cloud: Cloud, notes: Path) -> None:
    url = connect(cloud, notes, BatchSize=100, MaximumBatchingWindowInSeconds=1)
    send(cloud, url, *(str(number) for number in range(25)))
    cloud.until(lambda: sum(len(bodies) for _, bodies in noted(notes)) == 25)
    assert len(noted(notes)) == 1


@local_case("a batch is full at BatchSize, and then the window is not waited for", source=CONFIGURE)
def test_a_full_batch_does_not_wait(cloud: Cloud, notes: Path) -> None:
    url = connect(cloud, notes, BatchSize=20, MaximumBatchingWindowInSeconds=30)
    sent_at = time.time()
    send(cloud, url, *(str(number) for number in range(25)))
    ((at, bodies),) = cloud.until(lambda: noted(notes))
    assert len(bodies) == 20
    assert at - sent_at < 3


@case(
    "BatchSize above 10 needs a batching window of at least a second",
    source="Lambda API Reference, CreateEventSourceMapping, BatchSize and MaximumBatchingWindowInSeconds",
    bridge="aws_lambda.sqs_source",
)
def test_a_large_batch_needs_a_window(cloud: Cloud) -> None:
    _, arn = cloud.queue()
    function = cloud.function("def handler(event, context): ...")
    with pytest.raises(ClientError, match="greater than 0 if maximum batch size is greater than 10") as refused:
        cloud.aws("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=arn, BatchSize=11)
    assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    made = cloud.aws("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=arn, BatchSize=10)
    with pytest.raises(ClientError, match="greater than 0 if maximum batch size is greater than 10"):
        cloud.aws("lambda").update_event_source_mapping(UUID=made["UUID"], BatchSize=11)


@case(
    "a mapping is refused while the queue's visibility timeout is shorter than the function's timeout",
    source="Lambda Developer Guide, Configuring a queue to use with Lambda",
    bridge="aws_lambda.sqs_source",
)
def test_visibility_covers_the_functions_timeout(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    cloud.aws("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "3"})
    function = cloud.function("def handler(event, context): ...", timeout=5)
    with pytest.raises(ClientError, match="is less than Function timeout: 5 seconds"):
        cloud.aws("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=arn)


@local_case(
    "MaximumConcurrency bounds the calls that a queue makes at once",
    source="Lambda Developer Guide, Configuring scaling behavior for SQS event source mappings",
    bridge=None,
)
def test_maximum_concurrency_bounds_the_calls(cloud: Cloud, notes: Path) -> None:
    body = "time.sleep(0.6); note('end', bodies)"
    url = connect(cloud, notes, body, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    send(cloud, url, *(str(number) for number in range(6)))
    cloud.until(lambda: len(noted(notes, "end")) == 6, seconds=10)
    changes = sorted([(at, 1) for at, _ in noted(notes)] + [(at, -1) for at, _ in noted(notes, "end")])
    running = [sum(change for _, change in changes[: place + 1]) for place in range(len(changes))]
    assert max(running) == 2


@local_case(
    "with ReportBatchItemFailures only the named messages come back, after their visibility timeout",
    source="Lambda Developer Guide, Handling errors for an SQS event source",
    bridge=None,
)
def test_a_named_message_comes_back_alone(cloud: Cloud, notes: Path) -> None:
    body = (
        "first = [r['messageId'] for r in event['Records']"
        " if r['body'] == 'bad' and r['attributes']['ApproximateReceiveCount'] == '1']\n"
        "    return {'batchItemFailures': [{'itemIdentifier': number} for number in first]}"
    )
    url = connect(cloud, notes, body, visibility=2, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"])
    send(cloud, url, "good", "bad", "fine")
    cloud.until(lambda: [bodies for _, bodies in noted(notes)][-1:] == [["bad"]], seconds=10)
    assert [body for _, bodies in noted(notes) for body in bodies].count("good") == 1


@local_case(
    "an answer with an unknown item identifier brings the whole batch back",
    source="Lambda Developer Guide, Handling errors for an SQS event source, success and failure conditions",
)
def test_an_unreadable_answer_is_a_failure(cloud: Cloud, notes: Path) -> None:
    body = "return {'batchItemFailures': [{'itemIdentifier': ''}]}"
    url = connect(cloud, notes, body, visibility=1, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"])
    send(cloud, url, "one")
    cloud.until(lambda: len(noted(notes)) >= 2, seconds=10)


@local_case(
    "a mapping reads the queue with the function's role, and stands still without the permission",
    source="Lambda Developer Guide, Using Lambda with Amazon SQS, execution role permissions",
    still_different="AWS refuses the mapping when it is created.",
)
def test_a_role_that_may_not_read_stops_the_mapping(cloud: Cloud, notes: Path) -> None:
    url, arn = cloud.queue()
    role = cloud.role("lambda", {"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    function = cloud.function(NOTING.format(folder=str(notes), body="pass"), role=role)
    cloud.aws("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=arn)
    send(cloud, url, "one")
    time.sleep(1.5)
    assert noted(notes) == []
    cloud.grant(role, {"Effect": "Allow", "Action": "sqs:*", "Resource": arn})
    cloud.until(lambda: noted(notes))


@local_case(
    "a throttled batch is tried again within its visibility timeout, and counts as received once",
    source="Lambda Developer Guide, Handling errors for an SQS event source, backoff strategy",
)
def test_a_throttled_batch_does_not_wait_for_its_visibility_timeout(cloud: Cloud, notes: Path) -> None:
    url, arn = cloud.queue()
    cloud.aws("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "120"})
    code = NOTING.format(folder=str(notes), body="").replace(
        '[record["body"] for', '[record["attributes"]["ApproximateReceiveCount"] for'
    )
    function = cloud.function(code, timeout=5)
    cloud.aws("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    cloud.aws("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=arn, BatchSize=10)
    send(cloud, url, "one")

    def taken() -> bool:
        counts = cloud.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return counts["ApproximateNumberOfMessagesNotVisible"] == "1"

    cloud.until(taken)
    cloud.aws("lambda").delete_function_concurrency(FunctionName=function)
    cloud.until(lambda: noted(notes))
    assert [counts for _, counts in noted(notes)] == [["1"]]


@local_case(
    "a throttled function leaves its messages in the queue",
    source="Lambda Developer Guide, Handling errors for an SQS event source",
)
def test_a_throttled_batch_comes_back_and_counts_as_received(cloud: Cloud, notes: Path) -> None:
    url = connect(cloud, notes, visibility=1, BatchSize=10)
    mapping = cloud.aws("lambda").list_event_source_mappings(
        EventSourceArn=cloud.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
    )["EventSourceMappings"][0]
    function = mapping["FunctionArn"]
    cloud.aws("lambda").put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    send(cloud, url, "one")

    def received() -> bool:
        counts = cloud.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return counts["ApproximateNumberOfMessagesNotVisible"] == "1"

    cloud.until(received)
    assert noted(notes) == []
    cloud.aws("lambda").delete_function_concurrency(FunctionName=function)
    cloud.until(lambda: noted(notes))
