"""The parts of the ``provisioning`` table share these calls to DynamoDB. Only this package writes the table.

Items, all below ``TENANT#<id>`` but for the last two:

    TENANT                           the tenant record (domain.record.TenantRecord): provisioning
    EFFECT#<function>                the intent (STARTED) or result (DONE) of one effect on a shared system: effects
    EVENT#<generation>#<attempt>#…   what EventBridge is told, kept 30 days: outbox
    ARCHIVE#<folder>                 an archive in the bucket, and when to look whether it is still there: archives
    CLAIM#<skeleton> / CLAIM         who holds a name and all that look like it; with free_at, who held it: claims
    DRIFT / <finding>                what the last scan has found not to be as it is on record: findings
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

from botocore.exceptions import ClientError

from tenancy.domain.errors import ConcurrentUpdate, RequestRefused, ServiceThrottled
from tenancy.platform import aws
from tenancy.platform.dynamodb_values import plain, typed

WHO = "DynamoDB"
ABSENT = "attribute_not_exists(pk)"
"""The condition that there is no such item."""

type Request = Mapping[str, Mapping[str, Any]]
"""One operation of a transaction without its table: ``{"Put": {"Item": …}}``."""

_REFUSED, _CONFLICT = "ConditionalCheckFailed", "TransactionConflict"  # codes in CancellationReasons
_SLOWER = {"ThrottlingError", "ProvisionedThroughputExceeded"}
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)  # seconds, between tries of a transaction that met another
_PAUSE_LEFT_OVER = 0.05  # seconds, before what a batch call has left is asked for again


def key(pk: str, sk: str) -> dict[str, Any]:
    """Return the key of an item as DynamoDB writes it."""
    return typed({"pk": pk, "sk": sk})


def below(tenant_id: str, sk: str) -> dict[str, Any]:
    """Return the key of an item below a tenant as DynamoDB writes it."""
    return key(f"TENANT#{tenant_id}", sk)


def put(item: Mapping[str, Any]) -> Request:
    """Write an item, whether there is one or not."""
    return {"Put": {"Item": typed(item)}}


def put_once(item: Mapping[str, Any]) -> Request:
    """Write an item that must not be there yet."""
    return {"Put": {"Item": typed(item), "ConditionExpression": ABSENT}}


def delete(item_key: Mapping[str, Any]) -> Request:
    """Remove an item, whether it is there or not."""
    return {"Delete": {"Key": item_key}}


class Table:
    """The one table. Reads are strongly consistent, but for scans and the index."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._dynamodb = aws.client("dynamodb")

    # --- reading ------------------------------------------------------------------------------------------------------

    def get(self, item_key: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return one item as values, or None."""
        with aws.calls(WHO):
            found = self._dynamodb.get_item(TableName=self.name, Key=item_key, ConsistentRead=True)
        return plain(found["Item"]) if "Item" in found else None

    def get_all(self, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return those of at most 100 items that are there, as values."""
        found: list[dict[str, Any]] = []
        left = {self.name: {"Keys": list(keys), "ConsistentRead": True}}
        while left:
            with aws.calls(WHO):
                answer = self._dynamodb.batch_get_item(RequestItems=left)
            found += map(plain, answer["Responses"].get(self.name, []))
            left = answer.get("UnprocessedKeys", {})
            if left:
                time.sleep(_PAUSE_LEFT_OVER)
        return found

    def pages(self, operation: str, values: Mapping[str, Any], **arguments: Any) -> Iterator[dict[str, Any]]:
        """Yield the pages of a ``query`` or ``scan`` with these ExpressionAttributeValues."""
        with aws.calls(WHO):
            yield from self._dynamodb.get_paginator(operation).paginate(
                TableName=self.name, ExpressionAttributeValues=typed(values), **arguments
            )

    def items_of(self, pk: str, prefix: str = "") -> list[dict[str, Any]]:
        """Return all items below a partition key whose sort key begins so, as values."""
        condition = "pk = :pk" + (" AND begins_with(sk, :prefix)" if prefix else "")
        values = {":pk": pk} | ({":prefix": prefix} if prefix else {})
        pages = self.pages("query", values, KeyConditionExpression=condition, ConsistentRead=True)
        return [plain(item) for page in pages for item in page["Items"]]

    def due(self, purpose: str, now: str) -> list[dict[str, Any]]:
        """Return {pk, sk, due_at} of what is due by now, from the sparse index: eventually consistent."""
        pages = self.pages(
            "query",
            {":purpose": purpose, ":now": now},
            IndexName="DueIndex",
            KeyConditionExpression="due_for = :purpose AND due_at <= :now",
        )
        return [plain(item) for page in pages for item in page["Items"]]

    # --- writing ------------------------------------------------------------------------------------------------------

    def put_item(self, item: Mapping[str, Any]) -> None:
        """Write one item."""
        with aws.calls(WHO):
            self._dynamodb.put_item(TableName=self.name, Item=typed(item))

    def update_item(self, **arguments: Any) -> bool:
        """Change one item. Returns False if its condition does not hold, or a transaction has it at this moment."""
        return self._unless(
            ("ConditionalCheckFailedException", "TransactionConflictException"), "update_item", arguments
        )

    def delete_item(self, **arguments: Any) -> bool:
        """Remove one item. Returns False if its condition does not hold."""
        return self._unless(("ConditionalCheckFailedException",), "delete_item", arguments)

    def _unless(self, refusals: Sequence[str], operation: str, arguments: Mapping[str, Any]) -> bool:
        with aws.calls(WHO):
            try:
                getattr(self._dynamodb, operation)(TableName=self.name, **arguments)
            except ClientError as error:
                if error.response["Error"]["Code"] not in refusals:
                    raise
                return False
        return True

    def write_all(self, requests: Sequence[Mapping[str, Any]]) -> None:
        """Do at most 25 PutRequests and DeleteRequests, each for itself."""
        left: dict[str, Any] = {self.name: list(requests)}
        while left:
            with aws.calls(WHO):
                left = self._dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems", {})
            if left:
                time.sleep(_PAUSE_LEFT_OVER)

    def transact(self, operations: Sequence[tuple[str, Request]], what: str) -> set[str]:
        """Do all or nothing. Returns the names of the operations whose conditions do not hold: nothing is done then.

        operations: each with its name, at most 100. what: what they are, for the message: ``the record of granja``.
        Raises ConcurrentUpdate if others were writing one of the items each time this was tried, and
        ServiceThrottled or RequestRefused for every other reason.
        """
        items = [{kind: {"TableName": self.name, **body}} for _, each in operations for kind, body in each.items()]
        reasons = self._reasons(items)
        if not reasons:
            return set()
        refused = {name for (name, _), reason in zip(operations, reasons, strict=True) if reason == _REFUSED}
        if not refused:
            _raise(reasons, what)
        return refused

    def _reasons(self, items: Sequence[Mapping[str, Any]]) -> list[str]:
        """Return why nothing was done, a code for each item; empty if all was done.

        That somebody else is writing one of the items at this moment is no reason yet: it is tried again.
        """
        reasons: list[str] = []
        for pause in (0.0, *_PAUSES):
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreading rivals, not a secret
            with aws.calls(WHO):
                try:
                    self._dynamodb.transact_write_items(TransactItems=items)
                except ClientError as error:
                    if error.response["Error"]["Code"] != "TransactionCanceledException":
                        raise
                    reasons = [reason.get("Code", "None") for reason in error.response["CancellationReasons"]]
                else:
                    return []
            if not set(reasons) <= {"None", _CONFLICT}:
                break
        return reasons


def _raise(reasons: Sequence[str], what: str) -> NoReturn:
    if _CONFLICT in reasons:
        raise ConcurrentUpdate(f"{what} was being written each time this was to be written")
    kind = ServiceThrottled if _SLOWER & set(reasons) else RequestRefused
    raise kind(f"{WHO} refused a transaction: {', '.join(reasons)}")
