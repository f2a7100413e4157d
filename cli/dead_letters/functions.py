"""Call the stack's functions again with what they could not handle."""

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from cli.session import Session
from tenancy.domain.batching import packs

_PAYLOAD_BYTES = 5 * 1024 * 1024  # Lambda takes 6 MB in one invocation
_EMPTY_PAGES = 100  # a shard may give pages without records before the next that has some

# A function may work for 15 minutes. Asking again meanwhile would only make it do the same twice at once.
_PATIENT = Config(connect_timeout=5, read_timeout=930, retries={"mode": "standard", "total_max_attempts": 1})


class NotReplayed(Exception):
    """Say by ``str(error)`` why a message stays."""


class Functions:
    """Call the functions of a deployed stack, and read the streams that they work on."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @cached_property
    def _client(self) -> Any:
        return self._session.client("lambda", _PATIENT)

    @cached_property
    def _names(self) -> set[str]:
        return set(self._session.resources("AWS::Lambda::Function").values())

    def invoke(self, function: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Let a function handle records as if its event source had handed them over. Raises NotReplayed."""
        for some in packs(records, {"bytes": _PAYLOAD_BYTES}, lambda record: {"bytes": len(_json(record))}):
            left: Sequence[Mapping[str, Any]] = some
            while left:
                answer = self.call(function, {"Records": left}) or {}
                failed = {each["itemIdentifier"] for each in answer.get("batchItemFailures") or []}
                places = (place for place, record in enumerate(left) if _number(record) in failed)
                done = next(places, 0 if failed else len(left))
                if not done:
                    raise NotReplayed(f"{function} could not handle {len(left)} records: see its log")
                left = left[done:]

    def call(self, function: str, event: Mapping[str, Any]) -> Any:
        """Return what a function of the stack answers. Raises NotReplayed if it fails."""
        if function not in self._names:
            raise NotReplayed(f"{function} is no function of the stack")
        answer = self._client.invoke(FunctionName=function, Payload=_json(event).encode())
        payload = json.loads(answer["Payload"].read() or b"null")
        if "FunctionError" in answer:
            raise NotReplayed(f"{function} failed: {payload.get('errorType')}: {payload.get('errorMessage')}")
        return payload

    def given_up(self, function: str, batch: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the records of a batch that Lambda gave up on: those that the function's mapping lets through.

        Between them may be some of another batch, where a mapping has more than one in flight. Such a record has been
        handled before, and that is harmless: a stream may repeat any.
        """
        mappings = self._client.list_event_source_mappings(FunctionName=function, EventSourceArn=batch["streamArn"])
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
        """Yield the stream's records from the batch's first to its last. Raises NotReplayed if they are gone."""
        client = self._session.client("dynamodbstreams")
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
    """Return whether an event source's filter lets a record through, as far as this stack's filters go.

    Raises NotReplayed for another one.
    """
    if isinstance(pattern, Mapping):
        return isinstance(value, Mapping) and all(matches(wanted, value.get(key)) for key, wanted in pattern.items())
    return any(_equals(alternative, value) for alternative in pattern)


def _equals(alternative: Any, value: Any) -> bool:
    if isinstance(alternative, Mapping):
        if set(alternative) != {"prefix"}:
            raise NotReplayed(f"a filter asks for {json.dumps(alternative)}, which this command does not know")
        return isinstance(value, str) and value.startswith(alternative["prefix"])
    return bool(alternative == value)


def name_of(function_arn: str) -> str:
    """Return the NAME of ``arn:aws:lambda:region:account:function:NAME``, which may have a version behind it."""
    return function_arn.split(":")[6]


def _number(record: Mapping[str, Any]) -> str | None:
    """Return a record's sequence number, or None. A record that was set aside may be anything."""
    found: str | None = record.get("dynamodb", {}).get("SequenceNumber")
    return found


def _json(value: Any) -> str:
    """Return a value as Lambda writes a record: moments as seconds, bytes in base64."""

    def other(found: Any) -> Any:
        return found.timestamp() if isinstance(found, datetime) else base64.b64encode(found).decode()

    return json.dumps(value, default=other)
