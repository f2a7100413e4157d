"""Write what people ask for into the control plane's two tables, and read what is, for command and panel.

Nothing else of AWS is called: whatever a change needs is done by the workflow that the change starts.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from control import items
from control.items import Item, Plain
from tenancy.platform.dynamodb_values import plain, typed

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

_KEYS_A_CALL = 100  # BatchGetItem's limit


class ControlPlane:
    """Read and write both tables. Every method blocks, so none is for an event loop, and raises what boto3 raises."""

    def __init__(self, tenants_table: str, provisioning_table: str, client: "DynamoDBClient | Any") -> None:
        self._tenants = tenants_table
        self._provisioning = provisioning_table
        self._dynamodb = client

    # --- what people ask for ------------------------------------------------------------------------------------------

    def item(self, tenant_id: str) -> Item | None:
        """Return a tenant's item, or None."""
        key = typed({"tenant_id": tenant_id})
        found = self._dynamodb.get_item(TableName=self._tenants, Key=key, ConsistentRead=True)
        return Item(found["Item"]) if "Item" in found else None

    def items(self) -> list[Plain]:
        """Return the values of all items, by id. Reads the whole table, which has one small item a tenant."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._tenants)
        return sorted((plain(item) for page in pages for item in page["Items"]), key=lambda item: item["tenant_id"])

    def add(self, values: Mapping[str, Any]) -> bool:
        """Put a new item. Return False, and nothing is written, where there is one."""
        return self._has(
            self._dynamodb.put_item,
            TableName=self._tenants,
            Item=typed(values),
            ConditionExpression="attribute_not_exists(tenant_id)",
        )

    def change(self, item: Item, changed: Mapping[str, Any]) -> bool:
        """Set attributes, and take away those that are None or an empty map.

        Returns False, and nothing is written, where the item is not any more as it was read.
        """
        key = {"tenant_id": item.raw["tenant_id"]}
        return self._has(self._dynamodb.update_item, TableName=self._tenants, Key=key, **items.change(item, changed))

    def ask_again(self, tenant_id: str, by: str, at: str) -> bool:
        """Change nothing but who asked, and when, so that the stream starts another run. Returns False without item."""
        return self._has(
            self._dynamodb.update_item,
            TableName=self._tenants,
            Key=typed({"tenant_id": tenant_id}),
            UpdateExpression="SET requested_by = :by, requested_at = :at",
            ConditionExpression="attribute_exists(tenant_id)",
            ExpressionAttributeValues=typed({":by": by, ":at": at}),
        )

    def remove(self, tenant_id: str) -> Item | None:
        """Delete the item, and return what it was; None where there is none."""
        answer = self._answer(
            self._dynamodb.delete_item,
            TableName=self._tenants,
            Key=typed({"tenant_id": tenant_id}),
            ConditionExpression="attribute_exists(tenant_id)",
            ReturnValues="ALL_OLD",
        )
        return None if answer is None else Item(answer["Attributes"])

    def _has(self, write: Any, **request: Any) -> bool:
        return self._answer(write, **request) is not None

    def _answer(self, write: Any, **request: Any) -> dict[str, Any] | None:
        """Return what a conditional write answers; None where its condition does not hold, and nothing was written."""
        try:
            return dict(write(**request))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return None

    # --- what is ------------------------------------------------------------------------------------------------------

    def record(self, tenant_id: str) -> Plain | None:
        """Return the tenant record, or None where the control plane has not seen the tenant yet."""
        return self._found(_record_key(tenant_id))

    def knows(self, tenant_id: str) -> bool:
        """Return whether somebody asks for the tenant, or a record of it exists."""
        return self.record(tenant_id) is not None or self.item(tenant_id) is not None

    def claim(self, skeleton: str) -> Plain | None:
        """Return who holds a name and all that look like it; with ``free_at``, who held it until lately."""
        return self._found({"pk": f"CLAIM#{skeleton}", "sk": "CLAIM"})

    def _found(self, key: Mapping[str, str]) -> Plain | None:
        found = self._dynamodb.get_item(TableName=self._provisioning, Key=typed(key), ConsistentRead=True)
        return plain(found["Item"]) if "Item" in found else None

    def records(self, tenant_ids: Iterable[str]) -> dict[str, Plain]:
        """Return the records of some tenants, by id."""
        left: list[Any] = [typed(_record_key(tenant_id)) for tenant_id in tenant_ids]
        found: dict[str, Plain] = {}
        while left:
            asked, left = left[:_KEYS_A_CALL], left[_KEYS_A_CALL:]
            answer = self._dynamodb.batch_get_item(RequestItems={self._provisioning: {"Keys": asked}})
            found |= _by_id(answer["Responses"].get(self._provisioning, []))
            unprocessed: Mapping[str, Any] = answer.get("UnprocessedKeys") or {}
            left += unprocessed.get(self._provisioning, {}).get("Keys", [])
        return found

    def all_records(self) -> dict[str, Plain]:
        """Return the records of all tenants that ever were. Reads the whole table, events and all."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._provisioning,
            FilterExpression="sk = :tenant",
            ExpressionAttributeValues=typed({":tenant": "TENANT"}),
        )
        return _by_id(item for page in pages for item in page["Items"])

    def drift(self) -> list[Plain]:
        """Return what the last scan has found not to be as it is on record, as the items say it."""
        return self._all(KeyConditionExpression="pk = :pk", ExpressionAttributeValues=typed({":pk": "DRIFT"}))

    def below(self, tenant_id: str, prefix: str, most: int | None = None, before: str | None = None) -> list[Plain]:
        """Return what stands below a tenant (``EFFECT#``, ``EVENT#``), the last key first.

        most: how many at most, None for all. before: only keys that come before this one.
        """
        bounds = {":pk": f"TENANT#{tenant_id}", ":from": prefix, ":to": before or f"{prefix}\U0010ffff"}
        query: dict[str, Any] = {
            "KeyConditionExpression": "pk = :pk AND sk BETWEEN :from AND :to",
            "ExpressionAttributeValues": typed(bounds),
            "ScanIndexForward": False,
            "ConsistentRead": True,
        }
        if most is None:
            found = self._all(**query)
        else:
            limit = most + (1 if before else 0)  # BETWEEN includes the key itself
            answer = self._dynamodb.query(TableName=self._provisioning, Limit=limit, **query)
            found = [plain(item) for item in answer["Items"]]
        return [item for item in found if item["sk"] != before][:most]

    def _all(self, **query: Any) -> list[Plain]:
        pages = self._dynamodb.get_paginator("query").paginate(TableName=self._provisioning, **query)
        return [plain(item) for page in pages for item in page["Items"]]


def _record_key(tenant_id: str) -> dict[str, str]:
    return {"pk": f"TENANT#{tenant_id}", "sk": "TENANT"}


def _by_id(records: Iterable[Mapping[str, Any]]) -> dict[str, Plain]:
    return {record["pk"].removeprefix("TENANT#"): record for record in map(plain, records)}
