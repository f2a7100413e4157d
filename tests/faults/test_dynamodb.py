"""The DynamoDB of the world in one process is held to moto: the same requests, the same answers, the same items."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto import mock_aws

from tests.faults.dynamodb import DynamoDb, Schema
from tests.faults.refusals import Refused

pytestmark = pytest.mark.slow

SCHEMA = Schema("t", ("pk", "sk"), "NEW_AND_OLD_IMAGES", {"DueIndex": ("due_for", "due_at")})
_METHODS = {
    "PutItem": "put_item",
    "UpdateItem": "update_item",
    "DeleteItem": "delete_item",
    "GetItem": "get_item",
    "Query": "query",
    "Scan": "scan",
    "BatchGetItem": "batch_get_item",
    "BatchWriteItem": "batch_write_item",
    "TransactWriteItems": "transact_write_items",
}

pks = st.sampled_from(["TENANT#a", "TENANT#b", "CLAIM#a"])
sks = st.sampled_from(["TENANT", "EFFECT#dns", "EVENT#1"])
numbers = st.integers(0, 3).map(lambda number: {"N": str(number)})
texts = st.sampled_from(["a", "b", "DONE"]).map(lambda text: {"S": text})
keys = st.fixed_dictionaries({"pk": pks.map(lambda pk: {"S": pk}), "sk": sks.map(lambda sk: {"S": sk})})
lease = st.fixed_dictionaries({"holder": texts}).map(lambda fields: {"M": fields})
items = st.builds(
    lambda key, more: key | more,
    keys,
    st.fixed_dictionaries(
        {}, optional={"n": numbers, "state": texts, "lease": lease, "due_for": texts, "due_at": texts}
    ),
)
conditions = st.sampled_from(
    [
        ("attribute_not_exists(pk)", {}, {}),
        ("attribute_exists(pk) AND #s = :text", {"#s": "state"}, {":text": {"S": "a"}}),
        ("(attribute_not_exists(lease) OR lease.holder = :text)", {}, {":text": {"S": "a"}}),
        (
            "attribute_not_exists(n) OR (n = :n AND NOT #s = :text)",
            {"#s": "state"},
            {":n": {"N": "1"}, ":text": {"S": "b"}},
        ),
        ("n BETWEEN :n AND :m", {}, {":n": {"N": "1"}, ":m": {"N": "2"}}),
        ("begins_with(sk, :text) AND n > :n", {}, {":text": {"S": "EFF"}, ":n": {"N": "0"}}),
        ("n <> :n", {}, {":n": {"N": "1"}}),
        ("#s IN (:text, :other)", {"#s": "state"}, {":text": {"S": "a"}, ":other": {"S": "b"}}),
    ]
)
updates = st.sampled_from(
    [
        ("SET #f = :value", {"#f": "f"}, {":value": {"S": "x"}}),
        ("SET f = :value, g = :value REMOVE lease, due_at", {}, {":value": {"N": "5"}}),
        ("SET lease = :value", {}, {":value": {"M": {"holder": {"S": "a"}}}}),
        ("SET h = if_not_exists(h, :value)", {}, {":value": {"N": "7"}}),
        ("ADD n :value", {}, {":value": {"N": "2"}}),
        ("REMOVE f, due_for", {}, {}),
    ]
)


def _conditional(request: dict[str, Any], condition: Any) -> dict[str, Any]:
    if condition is None:
        return request
    text, names, values = condition
    return request | {"ConditionExpression": text} | _placeholders(names, values)


def _placeholders(names: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    given = {"ExpressionAttributeNames": names, "ExpressionAttributeValues": values}
    return {key: value for key, value in given.items() if value}


def _update(key: dict[str, Any], update: Any) -> dict[str, Any]:
    text, names, values = update
    return {"TableName": "t", "Key": key, "UpdateExpression": text} | _placeholders(names, values)


puts = st.builds(
    lambda item, condition: _conditional({"TableName": "t", "Item": item}, condition), items, st.none() | conditions
)
deletes = st.builds(
    lambda key, condition: _conditional({"TableName": "t", "Key": key}, condition), keys, st.none() | conditions
)
changes = st.builds(_update, keys, updates)
transactions = st.lists(
    st.one_of(
        puts.map(lambda put: {"Put": put}),
        deletes.map(lambda delete: {"Delete": delete}),
        changes.map(lambda update: {"Update": update}),
    ),
    min_size=1,
    max_size=3,
).map(lambda operations: {"TransactItems": operations})
requests = st.one_of(
    puts.map(lambda request: ("PutItem", request)),
    deletes.map(lambda request: ("DeleteItem", request)),
    changes.map(lambda request: ("UpdateItem", request)),
    transactions.map(lambda request: ("TransactWriteItems", request)),
    keys.map(lambda key: ("GetItem", {"TableName": "t", "Key": key, "ConsistentRead": True})),
    pks.map(
        lambda pk: (
            "Query",
            {
                "TableName": "t",
                "KeyConditionExpression": "pk = :pk AND begins_with(sk, :e)",
                "ExpressionAttributeValues": {":pk": {"S": pk}, ":e": {"S": "E"}},
            },
        )
    ),
    texts.map(
        lambda text: (
            "Query",
            {
                "TableName": "t",
                "IndexName": "DueIndex",
                "KeyConditionExpression": "due_for = :f AND due_at <= :at",
                "ExpressionAttributeValues": {":f": text, ":at": {"S": "b"}},
            },
        )
    ),
    st.lists(keys, min_size=1, max_size=3, unique_by=str).map(
        lambda some: ("BatchGetItem", {"RequestItems": {"t": {"Keys": some}}})
    ),
    st.lists(items, min_size=1, max_size=3, unique_by=lambda item: (str(item["pk"]), str(item["sk"]))).map(
        lambda some: ("BatchWriteItem", {"RequestItems": {"t": [{"PutRequest": {"Item": item}} for item in some]}})
    ),
)


@pytest.fixture
def moto() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("dynamodb", region_name="us-east-1")


def _emptied(client: Any) -> Any:
    if "t" in client.list_tables()["TableNames"]:
        client.delete_table(TableName="t")
    attributes = ("pk", "sk", "due_for", "due_at")
    client.create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in attributes],
        KeySchema=_schema(*SCHEMA.keys),
        GlobalSecondaryIndexes=[
            {"IndexName": name, "KeySchema": _schema(*index), "Projection": {"ProjectionType": "ALL"}}
            for name, index in SCHEMA.indexes.items()
        ],
    )
    return client


def _schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def _asked_of_moto(client: Any, operation: str, request: dict[str, Any]) -> Any:
    try:
        return _plain(getattr(client, _METHODS[operation])(**request))
    except ClientError as error:
        reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
        return error.response["Error"]["Code"], reasons


def _asked_here(ours: DynamoDb, operation: str, request: dict[str, Any]) -> Any:
    try:
        return _plain(ours.call(operation, request))
    except Refused as refused:
        return refused.code, [reason["Code"] for reason in refused.more.get("CancellationReasons", [])]


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    """What the product looks at; a batch gives its items in any order."""
    found = {key: answer[key] for key in ("Item", "Items", "Responses", "Attributes") if key in answer}
    if "Responses" in found:
        found["Responses"] = sorted(map(str, map(sorted, map(dict.items, found["Responses"].get("t", [])))))
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(requests, min_size=1, max_size=12))
def test_the_same_requests_give_the_same_answers_and_leave_the_same_items(moto: Any, asked: list[Any]) -> None:
    client, ours = _emptied(moto), DynamoDb.of([SCHEMA])
    for operation, request in asked:
        assert _asked_here(ours, operation, request) == _asked_of_moto(client, operation, request), request
    assert _asked_here(ours, "Scan", {"TableName": "t"})["Items"] == sorted(
        client.scan(TableName="t")["Items"], key=lambda item: (item["pk"]["S"], item["sk"]["S"])
    )


def test_a_write_that_changes_nothing_leaves_no_record() -> None:
    ours = DynamoDb.of([SCHEMA])
    put = {"TableName": "t", "Item": {"pk": {"S": "a"}, "sk": {"S": "b"}}}
    for _ in range(2):
        ours.call("PutItem", put)
    ours.call("DeleteItem", {"TableName": "t", "Key": put["Item"]})

    assert [record["eventName"] for record in ours.tables["t"].stream] == ["INSERT", "REMOVE"]


def test_a_transaction_that_is_repeated_with_its_token_is_done_once() -> None:
    ours = DynamoDb.of([SCHEMA])
    item = {"pk": {"S": "a"}, "sk": {"S": "b"}}
    put = {"Put": {"TableName": "t", "Item": item, "ConditionExpression": "attribute_not_exists(pk)"}}
    for _ in range(2):
        ours.call("TransactWriteItems", {"TransactItems": [put], "ClientRequestToken": "one"})
    with pytest.raises(Refused, match="TransactionCanceledException"):
        ours.call("TransactWriteItems", {"TransactItems": [put], "ClientRequestToken": "two"})


def test_a_placeholder_that_no_expression_uses_is_refused() -> None:
    with pytest.raises(Refused, match="unused"):
        DynamoDb.of([SCHEMA]).call(
            "GetItem",
            {
                "TableName": "t",
                "Key": {"pk": {"S": "a"}, "sk": {"S": "b"}},
                "ExpressionAttributeNames": {"#x": "x"},
            },
        )
