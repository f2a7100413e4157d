"""DynamoDB streams as event sources: retries, bisecting, partial failures, failure queues, lanes.

AWS: every mapping polls on its own, a few times a second; batches up to BatchSize (10,000) and 6 MB with no window;
ParallelizationFactor lanes, an item's records always in one lane and in order; MaximumRetryAttempts and
BisectBatchOnFunctionError; ReportBatchItemFailures replays from the first failure; what is given up goes to OnFailure
with the function's role; a throttled call is repeated and counts for nothing; each call has an IteratorAge. A table's
partition key stays in one shard.
Stock MiniStack: one thread for all mappings, so that a slow function stalls the others; a failed batch is retried for
ever once a second; a record reported as failed counts as done and is lost.

Source: docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html, …/services-ddb-batchfailurereporting.html,
…/kinesis-on-failure-destination.html. Assumed: retries that are used up discard all that remains of the batch.
Different: OnFailure is a queue, no topic and no bucket; MaximumRecordAgeInSeconds counts for nothing.

Upstream: in part: retries that end, partial failures and OnFailure belong into its own poll loop; a thread per mapping
is ours.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import threading
import time
from collections import deque
from typing import Any

from ministack.core.arn import parse_arn
from ministack.core.responses import new_uuid, request_scope
from ministack.services import cloudwatch, dynamodb, lambda_svc, sqs

from local_aws import patching
from local_aws.gateway import identity
from local_aws.quotas import INVOCATION_BYTES, STREAM_POLL_SECONDS
from local_aws.services.aws_lambda.mappings import starter
from local_aws.settings import Settings

logger = logging.getLogger("local.streams")
POLL_SECONDS = float(os.environ.get("LOCAL_AWS_STREAM_POLL_SECONDS", STREAM_POLL_SECONDS))
SHARD = "shardId-00000000000000000000-00000000"
READ_ACTIONS = ("dynamodb:DescribeStream", "dynamodb:GetShardIterator", "dynamodb:GetRecords")

Record = dict[str, Any]


class Mapping(threading.Thread):
    """An event source mapping of a stream: it reads its shard and hands the records to its lanes."""

    def __init__(self, account: str, region: str, esm: dict[str, Any]) -> None:
        super().__init__(daemon=True, name=f"stream-{esm['FunctionName']}")
        self.account, self.region, self.esm = account, region, esm
        self.table = lambda_svc._dynamodb_stream_table_from_arn_spec(parse_arn(esm["EventSourceArn"]))[0]
        self.lanes: list[Lane] = []
        self._readable_until = 0.0

    @property
    def alive(self) -> bool:
        return lambda_svc._esms.get_scoped(self.account, self.region, self.esm["UUID"]) is self.esm

    def run(self) -> None:
        with request_scope(self.account, self.region):
            while self.alive:
                try:
                    found = self._read()
                except Exception:
                    logger.exception("%s: reading the stream failed", self.name)
                    found = False
                if not found:
                    # Pollers are not in step: with one period for all, a stage would always wait just as long for the
                    # poll after the one that began the stage before it.
                    time.sleep(POLL_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311
        for lane in self.lanes:
            lane.stop()

    def function(self) -> dict[str, Any] | None:
        return lambda_svc._get_func_record_for_qualifier(self.esm["FunctionName"], self.esm.get("Qualifier"))[0]

    def _read(self) -> bool:
        """Move new records into the lanes; return False if there was nothing to do."""
        table = dynamodb._tables.get(self.table)
        if not self.esm.get("Enabled", True) or not table or table.get("LatestStreamArn") != self.esm["EventSourceArn"]:
            return False
        if any(lane.full for lane in self.lanes) or not self._may_read():
            return False
        positions = lambda_svc._dynamodb_stream_positions
        with lambda_svc._dynamodb_stream_positions_lock:
            horizon, end = dynamodb.stream_start_position(self.table), dynamodb.stream_end_position(self.table)
            latest = self.esm.get("StartingPosition", "LATEST") == "LATEST"
            position = max(positions.setdefault(self.esm["UUID"], end if latest else horizon), horizon)
            records = dynamodb.stream_records_since(self.table, position, 10_000)
            positions[self.esm["UUID"]] = position + len(records)
        if not records:
            return False
        self._set_lanes(int(self.esm.get("ParallelizationFactor") or 1))
        shares: list[list[Record]] = [[] for _ in self.lanes]
        for record in lambda_svc._apply_filter_criteria(records, self.esm):
            key = json.dumps(record["dynamodb"]["Keys"], sort_keys=True).encode()
            shares[int.from_bytes(hashlib.sha256(key).digest()[:4]) % len(shares)].append(record)
        for lane, share in zip(self.lanes, shares, strict=True):
            lane.put(share)
        return True

    def _may_read(self) -> bool:
        """Return whether the function's role may read the stream, as AWS does; without it the mapping stands still."""
        if time.monotonic() > self._readable_until:
            function = self.function()
            if function is None:
                return False
            role = function["config"].get("Role", "")
            if refused := [a for a in READ_ACTIONS if not identity.role_may(role, a, self.esm["EventSourceArn"])]:
                self.esm["LastProcessingResult"] = f"PROBLEM: the role may not {', '.join(refused)}"
                return False
            self._readable_until = time.monotonic() + 5
        return True

    def _set_lanes(self, wanted: int) -> None:
        if len(self.lanes) != wanted:
            for lane in self.lanes:  # an item must not be in two lanes at once
                lane.drain()
            self.lanes = [Lane(self, number) for number in range(wanted)]


class Lane:
    """A lane that processes its records in order, one batch in flight."""

    def __init__(self, mapping: Mapping, number: int) -> None:
        self.mapping, self.esm = mapping, mapping.esm
        self._waiting: deque[Record] = deque()
        self._changed = threading.Condition()
        self._stopped = self._busy = False
        threading.Thread(target=self._run, daemon=True, name=f"{mapping.name}-{number}").start()

    @property
    def full(self) -> bool:
        return len(self._waiting) > 20_000

    def put(self, records: list[Record]) -> None:
        with self._changed:
            self._waiting.extend(records)
            self._changed.notify_all()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def drain(self) -> None:
        """Wait until everything here is processed, then stop."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._busy)
        self.stop()

    def _run(self) -> None:
        with request_scope(self.mapping.account, self.mapping.region):
            while batch := self._take():
                try:
                    self._process(batch)
                except Exception:
                    logger.exception("%s: a batch was lost", self.mapping.name)

    def _take(self) -> list[Record]:
        """Return the next batch; empty when stopped. With a window, wait until it is over or the batch is full."""
        size = int(self.esm.get("BatchSize") or 100)
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._stopped)
            window = float(self.esm.get("MaximumBatchingWindowInSeconds") or 0)
            if window:
                self._changed.wait_for(lambda: len(self._waiting) >= size or self._stopped, timeout=window)
            if self._stopped:
                return []
            batch: list[Record] = []
            payload = 0
            while self._waiting and len(batch) < size:
                payload += len(json.dumps(self._waiting[0]))
                if batch and payload > INVOCATION_BYTES:
                    break
                batch.append(self._waiting.popleft())
            self._busy = True
            return batch

    def _process(self, batch: list[Record]) -> None:
        work: deque[tuple[list[Record], int]] = deque([(batch, 0)])  # records, attempts that failed
        while work and self.mapping.alive and not self._stopped:
            records, attempts = work.popleft()
            function = self.mapping.function()
            if function is None:
                time.sleep(POLL_SECONDS)
                work.appendleft((records, attempts))
                continue
            result = lambda_svc._execute_function(function, {"Records": records})
            if result.get("throttle"):  # the batch did not reach the function: no attempt, nothing to split
                self.esm["LastProcessingResult"] = "PROBLEM: Function call was throttled"
                work.appendleft((records, attempts))
                time.sleep(POLL_SECONDS)
                continue
            last = records[-1]["dynamodb"]["ApproximateCreationDateTime"]
            age, name = max(0.0, time.time() - last) * 1000, function["config"]["FunctionName"]
            cloudwatch.record_metric("AWS/Lambda", "IteratorAge", age, "Milliseconds", {"FunctionName": name})
            done = self._done(records, result)
            if done == len(records):
                self.esm["LastProcessingResult"] = "OK"
                continue
            self.esm["LastProcessingResult"] = "PROBLEM: Function call failed"
            left = records[done:]
            attempts = 1 if done else attempts + 1
            if self.esm.get("BisectBatchOnFunctionError") and result.get("error") and len(left) > 1:
                half = len(left) // 2  # splitting does not count as an attempt
                work.extendleft([(left[half:], attempts - 1), (left[:half], attempts - 1)])
                continue
            most = int(self.esm.get("MaximumRetryAttempts", -1))
            if 0 <= most < attempts:
                self._give_up(left, attempts, result)
                continue
            work.appendleft((left, attempts))
            time.sleep(min(0.1 * 2 ** min(attempts, 6), 2.0))

    def _done(self, records: list[Record], result: dict[str, Any]) -> int:
        """Return how many records, from the first, count as processed."""
        if result.get("error"):
            return 0
        if "ReportBatchItemFailures" not in (self.esm.get("FunctionResponseTypes") or ()):
            return len(records)
        body = result.get("body")
        failures: Any = (body or {}).get("batchItemFailures") if isinstance(body, dict | None) else "no object"
        if not failures:
            return len(records)
        try:
            numbers = {failure["itemIdentifier"] for failure in failures}
        except (TypeError, KeyError):
            return 0  # AWS: a response that it cannot read is a complete failure
        places = {record["dynamodb"]["SequenceNumber"]: place for place, record in enumerate(records)}
        return min(places[number] for number in numbers) if numbers <= places.keys() else 0

    def _give_up(self, records: list[Record], attempts: int, result: dict[str, Any]) -> None:
        """Send AWS's record about the batch, without the items, to the OnFailure queue."""
        destination = ((self.esm.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")
        function = self.mapping.function()
        logger.warning("%s: gave up %d records", self.mapping.name, len(records))
        if not destination or function is None:
            return
        first, last = records[0]["dynamodb"], records[-1]["dynamodb"]
        response: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
        if result.get("error"):
            response["functionError"] = "Unhandled"
        message: dict[str, Any] = {
            "requestContext": {
                "requestId": new_uuid(),
                "functionArn": self.esm["FunctionArn"],
                "condition": "RetryAttemptsExhausted",
                "approximateInvokeCount": attempts,
            },
            "responseContext": response,
            "version": "1.0",
            "timestamp": _iso(time.time()),
            "DDBStreamBatchInfo": {
                "shardId": SHARD,
                "startSequenceNumber": first["SequenceNumber"],
                "endSequenceNumber": last["SequenceNumber"],
                "approximateArrivalOfFirstRecord": _iso(first["ApproximateCreationDateTime"]),
                "approximateArrivalOfLastRecord": _iso(last["ApproximateCreationDateTime"]),
                "batchSize": len(records),
                "streamArn": self.esm["EventSourceArn"],
            },
        }
        try:
            queue = parse_arn(destination)
            client = identity.client_of_function(function["config"], queue.service)
            client.send_message(QueueUrl=sqs._queue_url(queue.resource), MessageBody=json.dumps(message))
        except Exception:
            logger.exception("%s: the failure record could not be sent to %s", self.mapping.name, destination)


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1000):03d}Z"


def install(settings: Settings) -> None:
    patching.replace(
        lambda_svc,
        "_poll_dynamodb_streams",
        lambda _: starter("dynamodb", Mapping),
        "_iter_all_esms()",
        "stream_records_since(table_name, pos, batch_size)",
        "_dynamodb_stream_positions[esm_id] = pos + raw_len",
    )
    patching.replace(lambda_svc, "_poll_loop", lambda original: original, "_poll_dynamodb_streams()")
