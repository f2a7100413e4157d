"""The control plane's two tables as the admin API uses them: it writes what people ask for, and reads what is.

Nothing else of AWS is called: whatever a change needs is done by the workflow that the change starts. Items stay as
DynamoDB gives them (``typed``) where they are compared or written back, since its numbers are more exact than Python's.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import boto3
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import ClientError

from backend.settings import BackendSettings
from tenancy.domain.item import TenantItem

type Typed = dict[str, Any]
type Plain = dict[str, Any]

# A person waits for the answer.
_CONFIG = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5)
_KEYS_A_CALL = 100  # BatchGetItem's limit
_REFUSED = "ConditionalCheckFailedException"


class ControlPlane:
    """Both tables. Every method blocks, so not for the event loop, and raises what boto3 raises."""

    def __init__(self, settings: BackendSettings, *, client: Any = None) -> None:
        self.base_domain = settings.base_domain
        self._tenants = settings.tenants_table
        self._provisioning = settings.provisioning_table
        self._dynamodb = client or boto3.client("dynamodb", config=_CONFIG)

    # --- what people ask for ------------------------------------------------------------------------------------------

    def item(self, tenant_id: str) -> Typed | None:
        """A tenant's item, typed, or None."""
        found = self._dynamodb.get_item(TableName=self._tenants, Key=_key(tenant_id), ConsistentRead=True)
        return found.get("Item")

    def items(self) -> list[Plain]:
        """All items, by id. Reads the whole table, which has one small item a tenant."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._tenants)
        return sorted((plain(item) for page in pages for item in page["Items"]), key=lambda item: item["tenant_id"])

    def add(self, item: Plain) -> bool:
        """Put a new item. False, and nothing written, where there is one."""
        return self._conditionally(
            "put_item",
            TableName=self._tenants,
            Item=typed(item),
            ConditionExpression="attribute_not_exists(tenant_id)",
        )

    def change(self, read: Typed, changed: Plain) -> bool:
        """Set attributes, or take them away where they are None. False where the item is not any more as it was read.

        Every attribute is compared, and every one that an item may have must still be missing where it was, so that
        nothing is decided on what somebody else has changed meanwhile.
        """
        names, values, is_so, sets, removes = {}, {}, [], [], []
        for number, name in enumerate(sorted({*read, *changed, *TenantItem.model_fields} - {"tenant_id"})):
            names[f"#n{number}"] = name
            if name in read:
                values[f":r{number}"] = read[name]
            is_so.append(f"#n{number} = :r{number}" if name in read else f"attribute_not_exists(#n{number})")
            if name in changed and changed[name] is None:
                removes.append(f"#n{number}")
            elif name in changed:
                values[f":w{number}"] = _typed(changed[name])
                sets.append(f"#n{number} = :w{number}")
        return self._conditionally(
            "update_item",
            TableName=self._tenants,
            Key={"tenant_id": read["tenant_id"]},
            UpdateExpression=f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
            ConditionExpression=" AND ".join(["attribute_exists(tenant_id)", *is_so]),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )

    def ask(self, tenant_id: str, asked: Plain) -> bool:
        """Set some attributes, whatever the others are. False where there is no item."""
        names = {f"#n{number}": name for number, name in enumerate(asked)}
        return self._conditionally(
            "update_item",
            TableName=self._tenants,
            Key=_key(tenant_id),
            UpdateExpression="SET " + ", ".join(f"{short} = :{short[1:]}" for short in names),
            ConditionExpression="attribute_exists(tenant_id)",
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={f":{short[1:]}": _typed(asked[name]) for short, name in names.items()},
        )

    def remove(self, tenant_id: str) -> Typed | None:
        """Delete the item, and return what it was; None where there is none."""
        try:
            answer = self._dynamodb.delete_item(
                TableName=self._tenants,
                Key=_key(tenant_id),
                ConditionExpression="attribute_exists(tenant_id)",
                ReturnValues="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != _REFUSED:
                raise
            return None
        return dict(answer["Attributes"])

    def _conditionally(self, operation: str, **request: Any) -> bool:
        try:
            getattr(self._dynamodb, operation)(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] != _REFUSED:
                raise
            return False
        return True

    # --- what is ------------------------------------------------------------------------------------------------------

    def record(self, tenant_id: str) -> Plain | None:
        """The tenant record, or None where the control plane has not seen the tenant yet."""
        key = typed({"pk": f"TENANT#{tenant_id}", "sk": "TENANT"})
        found = self._dynamodb.get_item(TableName=self._provisioning, Key=key, ConsistentRead=True)
        return plain(found["Item"]) if "Item" in found else None

    def records(self, tenant_ids: Iterable[str]) -> dict[str, Plain]:
        """The records of some tenants, by id."""
        left: list[Any] = [typed({"pk": f"TENANT#{tenant_id}", "sk": "TENANT"}) for tenant_id in tenant_ids]
        found: dict[str, Plain] = {}
        while left:
            asked, left = left[:_KEYS_A_CALL], left[_KEYS_A_CALL:]
            answer = self._dynamodb.batch_get_item(RequestItems={self._provisioning: {"Keys": asked}})
            for item in answer["Responses"].get(self._provisioning, []):
                record = plain(item)
                found[_id_of(record)] = record
            unprocessed: dict[str, Any] = answer.get("UnprocessedKeys") or {}
            left += unprocessed.get(self._provisioning, {}).get("Keys", [])
        return found

    def all_records(self) -> dict[str, Plain]:
        """The records of all tenants that ever were. Reads the whole table, events and all: for rare questions."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._provisioning,
            FilterExpression="sk = :tenant",
            ExpressionAttributeValues=typed({":tenant": "TENANT"}),
        )
        records = (plain(item) for page in pages for item in page["Items"])
        return {_id_of(record): record for record in records}

    def below(self, tenant_id: str, prefix: str, most: int, before: str | None = None) -> list[Plain]:
        """What stands below a tenant (``EFFECT#``, ``EVENT#``), the last first: at most so many, before a key."""
        bounds = {"from": prefix, "to": before or f"{prefix}\U0010ffff"}
        found = self._dynamodb.query(
            TableName=self._provisioning,
            KeyConditionExpression="pk = :pk AND sk BETWEEN :from AND :to",
            ExpressionAttributeValues=typed(
                {":pk": f"TENANT#{tenant_id}", ":from": bounds["from"], ":to": bounds["to"]}
            ),
            ScanIndexForward=False,
            Limit=most + (1 if before else 0),
            ConsistentRead=True,
        )
        items = [plain(item) for item in found["Items"]]
        return [item for item in items if item["sk"] != before][:most]

    def claim(self, skeleton: str) -> Plain | None:
        """Who holds a name and all that look like it; with ``free_at``, who held it until lately."""
        key = typed({"pk": f"CLAIM#{skeleton}", "sk": "CLAIM"})
        found = self._dynamodb.get_item(TableName=self._provisioning, Key=key, ConsistentRead=True)
        return plain(found["Item"]) if "Item" in found else None


def etag_of(item: Typed) -> str:
    """What changes whenever anything in the item does."""
    text = json.dumps(item, sort_keys=True, default=lambda value: bytes(value).hex())
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def plain(item: Mapping[str, Any]) -> Plain:
    """An item as values that JSON can say: numbers as int or float, sets as lists."""
    deserialise = TypeDeserializer().deserialize
    return {name: _plain(deserialise(value)) for name, value in item.items()}


def typed(values: Mapping[str, Any]) -> Typed:
    """Plain values as DynamoDB takes them."""
    return {name: _typed(value) for name, value in values.items()}


def _id_of(record: Plain) -> str:
    return str(record["pk"]).removeprefix("TENANT#")


def _key(tenant_id: str) -> Typed:
    return typed({"tenant_id": tenant_id})


def _typed(value: Any) -> Any:
    return TypeSerializer().serialize(_exact(value))


def _exact(value: Any) -> Any:
    if isinstance(value, float):
        return Decimal(repr(value))
    return {name: _exact(entry) for name, entry in value.items()} if isinstance(value, Mapping) else value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Binary):
        return bytes(value.value).hex()  # type: ignore[attr-defined]
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, list | set):
        return [_plain(entry) for entry in value]
    return value
