"""Items of DynamoDB, as values and as the service writes them."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

_serialise = TypeSerializer().serialize
_deserialise = TypeDeserializer().deserialize


def typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """As DynamoDB writes it: ``{"S": …}``, at any depth."""
    return {key: _serialise(_storable(value)) for key, value in values.items()}


def _storable(value: Any) -> Any:
    """DynamoDB has no floats: they become decimals, everywhere in a nested value."""
    return json.loads(json.dumps(value), parse_float=Decimal) if isinstance(value, dict | list) else value


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """As values, with numbers as int or float."""
    return {key: _without_decimals(_deserialise(value)) for key, value in item.items()}


def _without_decimals(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_decimals(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_decimals(entry) for entry in value]
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
