"""DynamoDB in memory: tables, indexes, transactions and streams, as far as the product uses them.

moto's is slower by a factor, and copies every table for each transaction; ``test_dynamodb.py`` holds this one to it.
Reads are strongly consistent. A write that changes nothing leaves no record in the stream, as on AWS.
"""

import copy
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.quotas import BATCH_GET_KEYS, BATCH_WRITE_ITEMS, CLIENT_TOKEN_SECONDS, TRANSACTION_ITEMS
from tests.faults.expressions import BadExpression, Item, Names, Parser, find, plain
from tests.faults.refusals import Refused

_READ_ONLY = ("GetItem", "BatchGetItem", "Query", "Scan", "DescribeTable", "TransactGetItems")

type Key = tuple[Any, ...]


@dataclass(frozen=True)
class Schema:
    """keys: partition key first. view: what the stream shows, None without one. indexes: name → keys."""

    name: str
    keys: tuple[str, ...]
    view: str | None = None
    indexes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass
class Table:
    """Items by key, and the records of the stream, oldest first."""

    schema: Schema
    items: dict[Key, Item] = field(default_factory=dict)
    stream: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class DynamoDb:
    """``call`` is the service. now: seconds; written: called with a table's name after its stream has grown."""

    tables: dict[str, Table] = field(default_factory=dict)
    tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, schemas: Iterable[Schema]) -> "DynamoDb":
        return cls({schema.name: Table(schema) for schema in schemas})

    def call(self, operation: str, params: Mapping[str, Any], now: float = 0.0) -> dict[str, Any]:
        """Answer a request. Raises Refused."""
        method = _OPERATIONS.get(operation)
        if method is None:
            raise NotImplementedError(f"DynamoDB {operation} is not known here")
        try:
            return method(self, params, now)
        except BadExpression as error:
            raise Refused("ValidationException", str(error)) from None

    # --- reading ------------------------------------------------------------------------------------------------------

    def _get_item(self, params: Mapping[str, Any], _: float) -> dict[str, Any]:
        names = Names(params.get("ExpressionAttributeNames"), None)
        table = self._table(params)
        item = table.items.get(_key(table.schema, params["Key"]))
        projected = _projection(params, names)
        names.require_all_used()
        return {} if item is None else {"Item": projected(item)}

    def _batch_get_item(self, params: Mapping[str, Any], _: float) -> dict[str, Any]:
        answer: dict[str, list[Item]] = {}
        if sum(len(wanted["Keys"]) for wanted in params["RequestItems"].values()) > BATCH_GET_KEYS:
            raise Refused("ValidationException", "Too many items requested for the BatchGetItem call")
        for name, wanted in params["RequestItems"].items():
            table = self._table({"TableName": name})
            keys = [_key(table.schema, key) for key in wanted["Keys"]]
            if len(set(keys)) < len(keys):
                raise Refused("ValidationException", "Provided list of item keys contains duplicates")
            answer[name] = [copy.deepcopy(table.items[key]) for key in keys if key in table.items]
        return {"Responses": answer, "UnprocessedKeys": {}}

    def _query(self, params: Mapping[str, Any], _: float) -> dict[str, Any]:
        return self._search(params, params["KeyConditionExpression"])

    def _scan(self, params: Mapping[str, Any], _: float) -> dict[str, Any]:
        return self._search(params, None)

    def _search(self, params: Mapping[str, Any], condition: str | None) -> dict[str, Any]:
        table = self._table(params)
        schema = table.schema
        names = Names(params.get("ExpressionAttributeNames"), params.get("ExpressionAttributeValues"))
        keys = schema.keys
        if index := params.get("IndexName"):
            if index not in schema.indexes:
                raise Refused("ValidationException", f"The table does not have the specified index: {index}")
            if params.get("ConsistentRead"):
                raise Refused("ValidationException", "Consistent reads are not supported on global secondary indexes")
            keys = schema.indexes[index]
        tests = [Parser(text, names).condition() for text in (condition, params.get("FilterExpression")) if text]
        projected = _projection(params, names)
        names.require_all_used()
        present = [item for item in table.items.values() if all(key in item for key in keys)]
        order: Callable[[Item], Key] = lambda item: (*_key(schema, item, keys), *_key(schema, item))  # noqa: E731
        found = sorted(present, key=order, reverse=params.get("ScanIndexForward") is False)
        if start := params.get("ExclusiveStartKey"):
            after = order({**start})
            found = [item for item in found if order(item) > after]
        page = found[: params.get("Limit") or len(found)]
        items = [projected(item) for item in page if all(test(item) for test in tests)]
        answer: dict[str, Any] = {"Items": items, "Count": len(items), "ScannedCount": len(page)}
        if len(page) < len(found):
            answer["LastEvaluatedKey"] = {name: page[-1][name] for name in dict.fromkeys((*keys, *schema.keys))}
        return answer

    # --- writing ------------------------------------------------------------------------------------------------------

    def _put_item(self, params: Mapping[str, Any], now: float) -> dict[str, Any]:
        return self._single("Put", params, now)

    def _update_item(self, params: Mapping[str, Any], now: float) -> dict[str, Any]:
        return self._single("Update", params, now)

    def _delete_item(self, params: Mapping[str, Any], now: float) -> dict[str, Any]:
        return self._single("Delete", params, now)

    def _single(self, kind: str, params: Mapping[str, Any], now: float) -> dict[str, Any]:
        write = self._planned(kind, params)
        if not write.allowed:
            raise Refused("ConditionalCheckFailedException", "The conditional request failed")
        old = write.table.items.get(write.key)
        self._apply(write, now)
        wanted = params.get("ReturnValues", "NONE")
        shown = {"ALL_OLD": old, "ALL_NEW": write.new}.get(wanted)
        return {"Attributes": copy.deepcopy(shown)} if shown else {}

    def _batch_write_item(self, params: Mapping[str, Any], now: float) -> dict[str, Any]:
        writes = []
        for name, requests in params["RequestItems"].items():
            for request in requests:
                ((kind, what),) = request.items()
                writes.append(self._planned(kind.removesuffix("Request"), {"TableName": name, **what}))
        if len(writes) > BATCH_WRITE_ITEMS:
            raise Refused("ValidationException", "Too many items requested for the BatchWriteItem call")
        if len({(write.table.schema.name, write.key) for write in writes}) < len(writes):
            raise Refused("ValidationException", "Provided list of item keys contains duplicates")
        for write in writes:
            self._apply(write, now)
        return {"UnprocessedItems": {}}

    def _transact_write_items(self, params: Mapping[str, Any], now: float) -> dict[str, Any]:
        operations = params["TransactItems"]
        if len(operations) > TRANSACTION_ITEMS:
            raise Refused("ValidationException", "Member must have length less than or equal to 100")
        if self._is_repeated(params, now):
            return {}
        writes = [self._planned(*next(iter(operation.items()))) for operation in operations]
        if len({(write.table.schema.name, write.key) for write in writes}) < len(writes):
            raise Refused("ValidationException", "Transaction request cannot include multiple operations on one item")
        if not all(write.allowed for write in writes):
            codes = ["None" if write.allowed else "ConditionalCheckFailed" for write in writes]
            raise Refused(
                "TransactionCanceledException",
                f"Transaction cancelled, please refer cancellation reasons for specific reasons [{', '.join(codes)}]",
                CancellationReasons=[{"Code": code} for code in codes],
            )
        for write in writes:
            self._apply(write, now)
        if token := params.get("ClientRequestToken"):
            self.tokens[token] = _digest(params), now
        return {}

    def _is_repeated(self, params: Mapping[str, Any], now: float) -> bool:
        """Whether this very transaction has been done: botocore gives its retries the same token."""
        digest, since = self.tokens.get(params.get("ClientRequestToken", ""), ("", -CLIENT_TOKEN_SECONDS))
        if now - since >= CLIENT_TOKEN_SECONDS:
            return False
        if digest != _digest(params):
            raise Refused("IdempotentParameterMismatchException", "Request token was used with other parameters")
        return True

    def _planned(self, kind: str, params: Mapping[str, Any]) -> "_Write":
        table = self._table(params)
        names = Names(params.get("ExpressionAttributeNames"), params.get("ExpressionAttributeValues"))
        key = _key(table.schema, params["Item"] if kind == "Put" else params["Key"])
        old = table.items.get(key)
        condition = params.get("ConditionExpression")
        allowed = not condition or Parser(condition, names).condition()(old or {})
        new: Item | None = old
        if kind == "Put":
            new = copy.deepcopy(dict(params["Item"]))
        elif kind == "Delete":
            new = None
        elif kind == "Update":
            change = Parser(params["UpdateExpression"], names).update()
            if allowed:
                new = change(old if old is not None else copy.deepcopy(dict(params["Key"])))
        elif kind != "ConditionCheck":
            raise NotImplementedError(f"DynamoDB {kind} is not known here")
        names.require_all_used()
        return _Write(table, key, new, allowed)

    def _apply(self, write: "_Write", now: float) -> None:
        table, old = write.table, write.table.items.get(write.key)
        if write.new == old:
            return
        if write.new is None:
            del table.items[write.key]
        else:
            table.items[write.key] = write.new
        if table.schema.view:
            table.stream.append(_record(table, old, write.new, now))

    def _table(self, params: Mapping[str, Any]) -> Table:
        name = params["TableName"]
        if name not in self.tables:
            raise Refused("ResourceNotFoundException", f"Requested resource not found: Table: {name} not found")
        return self.tables[name]


@dataclass(frozen=True)
class _Write:
    table: Table
    key: Key
    new: Item | None
    allowed: bool


def _record(table: Table, old: Item | None, new: Item | None, now: float) -> dict[str, Any]:
    """A record of the table's stream, as Lambda gets it."""
    number = len(table.stream) + 1
    schema = table.schema
    item = new if new is not None else old
    assert item is not None
    change: dict[str, Any] = {
        "ApproximateCreationDateTime": int(now),
        "Keys": {key: item[key] for key in schema.keys},
        "SequenceNumber": f"{number:021d}",
        "SizeBytes": 100,
        "StreamViewType": schema.view,
    }
    if schema.view in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES") and new is not None:
        change["NewImage"] = copy.deepcopy(new)
    if schema.view in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES") and old is not None:
        change["OldImage"] = copy.deepcopy(old)
    return {
        "eventID": hashlib.md5(f"{schema.name}/{number}".encode(), usedforsecurity=False).hexdigest(),
        "eventName": "INSERT" if old is None else "REMOVE" if new is None else "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": change,
        "eventSourceARN": f"arn:aws:dynamodb:us-east-1:123456789012:table/{schema.name}/stream/2026-01-01T00:00:00.000",
    }


def _key(schema: Schema, item: Mapping[str, Any], keys: tuple[str, ...] | None = None) -> Key:
    """The values of key attributes, in order."""
    try:
        return tuple(plain(item[key]) for key in keys or schema.keys)
    except KeyError as error:
        raise Refused("ValidationException", f"The provided key element {error} is missing") from None


def _projection(params: Mapping[str, Any], names: Names) -> Callable[[Item], Item]:
    if "ProjectionExpression" not in params:
        return copy.deepcopy
    paths = Parser(params["ProjectionExpression"], names).paths()
    if any(len(path) > 1 for path in paths):
        raise NotImplementedError("DynamoDB: projections of nested attributes are not known here")
    return lambda item: {path[0]: copy.deepcopy(item[path[0]]) for path in paths if find(item, path) is not None}


def _digest(params: Mapping[str, Any]) -> str:
    return json.dumps(params["TransactItems"], sort_keys=True, default=str)


_OPERATIONS: dict[str, Callable[[DynamoDb, Mapping[str, Any], float], dict[str, Any]]] = {
    "GetItem": DynamoDb._get_item,
    "BatchGetItem": DynamoDb._batch_get_item,
    "Query": DynamoDb._query,
    "Scan": DynamoDb._scan,
    "PutItem": DynamoDb._put_item,
    "UpdateItem": DynamoDb._update_item,
    "DeleteItem": DynamoDb._delete_item,
    "BatchWriteItem": DynamoDb._batch_write_item,
    "TransactWriteItems": DynamoDb._transact_write_items,
}
