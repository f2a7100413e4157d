"""DynamoDB streams as event sources: batches, lanes, retries, what is given up."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from .case import case

if TYPE_CHECKING:
    from pathlib import Path

    from local_aws.tests.conformance.cloud import Cloud

stream_case = partial(
    case,
    bridge="aws_lambda.stream_source",
    on_aws=False,
    why_not="the handler writes what it saw into a folder of this machine",
)

NOTING = """
import json, os, time
def note(batch):
    with open(os.path.join({folder!r}, "batches"), "a") as file:
        file.write(json.dumps({{"at": time.time(), "pid": os.getpid(), "records": batch}}) + "\\n")
def keys(event):
    return [[r["dynamodb"]["Keys"]["pk"]["S"], int(r["dynamodb"]["Keys"]["sk"]["N"])] for r in event["Records"]]
def poisoned(event):
    changes = [record["dynamodb"] for record in event["Records"]]
    return [change["SequenceNumber"] for change in changes if "poison" in change.get("NewImage", {{}})]
"""


def batches(folder: Path) -> list[dict[str, Any]]:
    file = folder / "batches"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def seen(folder: Path) -> list[Any]:
    return [key for batch in batches(folder) for key in batch["records"]]


def function(cloud: Cloud, folder: Path, body: str, **more: Any) -> str:
    return cloud.function(
        NOTING.format(folder=str(folder)) + f"def handler(event, context):\n    note(keys(event))\n    {body}\n", **more
    )


@stream_case(
    "what arrives during a call is the next batch, in order",
    source="Lambda Developer Guide, Using Lambda with DynamoDB, Polling and batching streams",
    bridge=None,
)
def test_everything_that_arrives_during_a_call_is_the_next_batch(cloud: Cloud, notes: Path) -> None:
    table, stream = cloud.table()
    cloud.mapping(function(cloud, notes, "time.sleep(0.5)"), stream, BatchSize=1000)
    cloud.put(table, "zone", 0)
    cloud.until(lambda: batches(notes))
    for number in range(1, 60):
        cloud.put(table, "zone", number)
    cloud.until(lambda: len(seen(notes)) == 60)
    assert seen(notes) == [["zone", number] for number in range(60)]
    assert len(batches(notes)) <= 3


@stream_case(
    "a new record is noticed within a quarter of a second",
    source="Lambda Developer Guide, Using Lambda with DynamoDB, polled 4 times a second",
    bridge=None,
)
def test_a_new_record_is_noticed_within_a_quarter_of_a_second(cloud: Cloud, notes: Path) -> None:
    table, stream = cloud.table()
    cloud.mapping(function(cloud, notes, ""), stream)
    cloud.put(table, "warm", 0)
    cloud.until(lambda: batches(notes))
    put_at = time.time()
    cloud.put(table, "x", 1)
    cloud.until(lambda: len(batches(notes)) == 2)
    assert batches(notes)[1]["at"] - put_at < 0.3


@stream_case(
    "mappings do not wait for each other",
    source="Lambda Developer Guide, Using Lambda with DynamoDB, Polling and batching streams",
)
def test_a_slow_function_does_not_hold_up_another_mapping(cloud: Cloud, notes: Path) -> None:
    (notes / "quick").mkdir()
    slow_table, slow_stream = cloud.table()
    table, stream = cloud.table()
    cloud.mapping(function(cloud, notes, "time.sleep(3)"), slow_stream)
    cloud.mapping(function(cloud, notes / "quick", ""), stream)
    cloud.put(slow_table, "slow", 0)
    cloud.until(lambda: batches(notes))
    cloud.put(table, "quick", 0)
    cloud.until(lambda: batches(notes / "quick"), seconds=1.5)


@stream_case(
    "ParallelizationFactor: batches of a shard side by side, in order for each key",
    source="Lambda Developer Guide, Using Lambda with DynamoDB, ParallelizationFactor",
    still_different="A table's stream has one shard.",
)
def test_lanes_run_side_by_side_and_keep_an_items_order(cloud: Cloud, notes: Path) -> None:
    table, stream = cloud.table()
    code = """
def handler(event, context):
    for record in event["Records"]:
        note([[record["dynamodb"]["Keys"]["pk"]["S"], int(record["dynamodb"]["NewImage"]["v"]["N"])]])
    time.sleep(0.2)
"""
    target = cloud.function(NOTING.format(folder=str(notes)) + code)
    for number in range(24):
        cloud.aws("dynamodb").put_item(
            TableName=table, Item={"pk": {"S": f"t{number % 8}"}, "sk": {"N": "0"}, "v": {"N": str(number)}}
        )
    started = time.time()
    cloud.mapping(target, stream, BatchSize=1, ParallelizationFactor=8)
    cloud.until(lambda: len(seen(notes)) == 24)
    assert time.time() - started < 24 * 0.2
    assert len({batch["pid"] for batch in batches(notes)}) > 1
    for lane in range(8):
        assert [number for key, number in seen(notes) if key == f"t{lane}"] == [lane, lane + 8, lane + 16]


@stream_case(
    "after MaximumRetryAttempts the batch goes to the OnFailure queue, and the next comes",
    source="Lambda Developer Guide, Using Lambda with DynamoDB, Retaining discarded batches",
)
def test_retries_are_counted_then_the_batch_goes_to_the_failure_queue(cloud: Cloud, notes: Path) -> None:
    table, stream = cloud.table()
    url, arn = cloud.queue()
    target = function(cloud, notes, "raise RuntimeError('no')")
    destination = {"OnFailure": {"Destination": arn}}
    cloud.put(table, "a", 1)
    cloud.put(table, "b", 2)
    cloud.mapping(target, stream, MaximumRetryAttempts=2, DestinationConfig=destination)
    (message,) = cloud.until(lambda: cloud.messages(url))
    assert len(batches(notes)) == 3
    assert message["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert message["requestContext"]["functionArn"] == target
    assert message["DDBStreamBatchInfo"]["batchSize"] == 2
    assert message["DDBStreamBatchInfo"]["streamArn"] == stream
    cloud.put(table, "c", 3)
    cloud.until(lambda: ["c", 3] in seen(notes))


@stream_case(
    "BisectBatchOnFunctionError narrows a failure down to its one record",
    source="Lambda Developer Guide, Using Lambda with DynamoDB, BisectBatchOnFunctionError",
)
def test_bisecting_finds_the_poison_record_alone(cloud: Cloud, notes: Path) -> None:
    table, stream = cloud.table()
    url, arn = cloud.queue()
    for number in range(8):
        cloud.put(table, "x", number, **({"poison": "yes"} if number == 5 else {}))
    target = function(cloud, notes, "if poisoned(event): raise RuntimeError('poison')")
    destination = {"OnFailure": {"Destination": arn}}
    cloud.mapping(
        target, stream, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1, DestinationConfig=destination
    )
    (message,) = cloud.until(lambda: cloud.messages(url))
    assert message["DDBStreamBatchInfo"]["batchSize"] == 1
    cloud.until(lambda: ["x", 7] in seen(notes))
    fine = [batch["records"] for batch in batches(notes) if ["x", 5] not in batch["records"]]
    assert [key for batch in fine for key in batch] == [["x", number] for number in (0, 1, 2, 3, 4, 6, 7)]


@stream_case(
    "ReportBatchItemFailures: the batch is repeated from the first reported record on",
    source="Lambda Developer Guide, Using Lambda with DynamoDB, Configuring partial batch response",
)
def test_a_reported_failure_is_replayed_with_all_that_follows(cloud: Cloud, notes: Path) -> None:
    table, stream = cloud.table()
    for number in range(5):
        cloud.put(table, "x", number, **({"poison": "yes"} if number == 2 else {}))
    body = """
    first = "again" not in globals()
    globals()["again"] = True
    return {"batchItemFailures": [{"itemIdentifier": n} for n in poisoned(event)]} if first else {}
    """.strip()
    cloud.mapping(function(cloud, notes, body), stream, FunctionResponseTypes=["ReportBatchItemFailures"])
    cloud.until(lambda: len(batches(notes)) == 2)
    assert [key for _, key in batches(notes)[1]["records"]] == [2, 3, 4]
    time.sleep(0.4)
    assert len(batches(notes)) == 2


@stream_case(
    "a report with an unknown or empty identifier fails the whole batch",
    source="Lambda Developer Guide, Using Lambda with DynamoDB, Configuring partial batch response",
)
def test_a_report_that_names_an_unknown_record_fails_the_whole_batch(cloud: Cloud, notes: Path) -> None:
    table, stream = cloud.table()
    url, arn = cloud.queue()
    cloud.put(table, "x", 1)
    cloud.mapping(
        function(cloud, notes, 'return {"batchItemFailures": [{"itemIdentifier": ""}]}'),
        stream,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": arn}},
    )
    cloud.until(lambda: cloud.messages(url))
    assert len(batches(notes)) == 2


@stream_case(
    "only records that match FilterCriteria arrive",
    source="Lambda Developer Guide, Control which events Lambda sends to your function",
    bridge=None,
)
def test_only_records_that_match_the_filter_arrive(cloud: Cloud, notes: Path) -> None:
    table, stream = cloud.table()
    pattern = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"pk": {"S": [{"prefix": "EVENT#"}]}}}}
    cloud.mapping(function(cloud, notes, ""), stream, FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})
    for key in ("EVENT#1", "SHOP", "EVENT#2"):
        cloud.put(table, key, 0)
    cloud.put(table, "EVENT#1", 0, changed="yes")
    cloud.put(table, "EVENT#3", 0)
    cloud.until(lambda: ["EVENT#3", 0] in seen(notes))
    assert [key for key, _ in seen(notes)] == ["EVENT#1", "EVENT#2", "EVENT#3"]


@stream_case(
    "StartingPosition LATEST delivers what comes after the mapping",
    source="Lambda Developer Guide, Using Lambda with DynamoDB, StartingPosition",
    bridge=None,
)
def test_latest_starts_with_what_comes_after_the_mapping(cloud: Cloud, notes: Path) -> None:
    table, stream = cloud.table()
    cloud.put(table, "before", 0)
    cloud.mapping(function(cloud, notes, ""), stream, StartingPosition="LATEST")
    cloud.put(table, "after", 0)
    cloud.until(lambda: seen(notes))
    assert seen(notes) == [["after", 0]]


@stream_case(
    "without the permission to read the stream nothing is delivered",
    source="Lambda Developer Guide, Using Lambda with DynamoDB, Execution role permissions",
)
def test_without_the_permission_to_read_the_stream_nothing_is_delivered(cloud: Cloud, notes: Path) -> None:
    table, stream = cloud.table()
    role = cloud.role("lambda", {"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    cloud.mapping(function(cloud, notes, "", role=role), stream)
    (notes / "allowed").mkdir()
    cloud.mapping(function(cloud, notes / "allowed", ""), stream)
    cloud.put(table, "x", 0)
    cloud.until(lambda: batches(notes / "allowed"), seconds=30)
    time.sleep(0.5)
    assert not batches(notes)
    read = {
        "Effect": "Allow",
        "Action": ["dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords"],
        "Resource": stream,
    }
    cloud.grant(role, read)
    cloud.until(lambda: seen(notes))
