"""The ``tenants`` table holds what people asked for. The control plane reads it, and never writes it."""

from collections.abc import Iterator
from typing import Any

from boto3.dynamodb.types import TypeDeserializer

from tenancy.platform import aws

_deserialise = TypeDeserializer().deserialize


class DesiredState:
    """The table, as it is now: reads are strongly consistent."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._dynamodb = aws.client("dynamodb")

    def item(self, tenant_id: str) -> dict[str, Any] | None:
        """Return the tenant's item, deserialised and not checked; None if nobody asks for the tenant."""
        with aws.calls("DynamoDB"):
            key = {"tenant_id": {"S": tenant_id}}
            found = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" not in found:
            return None
        return {name: _deserialise(value) for name, value in found["Item"].items()}

    def items(self) -> Iterator[dict[str, Any]]:
        """Return all items, deserialised and not checked. Reads the whole table."""
        with aws.calls("DynamoDB"):
            pages = self._dynamodb.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True)
            for page in pages:
                for item in page["Items"]:
                    yield {name: _deserialise(value) for name, value in item.items()}
