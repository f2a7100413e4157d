"""Items of DynamoDB are translated between what JSON can say and what the service writes."""

import base64
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer

_serialise = TypeSerializer().serialize
_deserialise = TypeDeserializer().deserialize


def typed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as DynamoDB writes it: ``{"S": …}``, at any depth."""
    return {key: typed_value(value) for key, value in values.items()}


def typed_value(value: Any) -> Any:
    """Return one value as DynamoDB writes it. It has no floats: they become decimals."""
    is_inexact = isinstance(value, dict | list | float)
    return _serialise(json.loads(json.dumps(value), parse_float=Decimal) if is_inexact else value)


def plain(item: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item as values: numbers as int or float, sets as sorted lists, bytes as base64."""
    return {key: plain_value(value) for key, value in item.items()}


def plain_value(value: Any) -> Any:
    """Return one value that DynamoDB has written."""
    return _without_types(_deserialise(value))


def _without_types(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_types(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_without_types(entry) for entry in value]
    if isinstance(value, set):
        return sorted(_without_types(entry) for entry in value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Binary):
        binary: Any = value  # whose stubs are wrong about bytes()
        return base64.b64encode(bytes(binary)).decode()
    return value
