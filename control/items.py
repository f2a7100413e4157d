"""Read a tenants item, and make what is written of it. Values in, values out."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tenancy.domain.item import TenantItem
from tenancy.platform.dynamodb_values import plain, plain_value, typed_value

type Typed = dict[str, Any]
type Plain = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """Hold an item as it was read. raw: as DynamoDB wrote it, whose numbers are more exact than Python's."""

    raw: Typed

    @cached_property
    def values(self) -> Plain:
        """Return its attributes, as values that JSON can say."""
        return plain(self.raw)

    @cached_property
    def etag(self) -> str:
        """Return what changes whenever anything in the item does."""
        text = json.dumps(self.raw, sort_keys=True, default=lambda value: bytes(value).hex())
        return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def change(item: Item, changed: Mapping[str, Any]) -> Typed:
    """Return the expressions of an UpdateItem that sets attributes, and takes away those that are None or empty.

    An attribute that is missing and an empty map mean the same, so that there is one way to write it. The condition
    fails unless every attribute is as it was read, and every other that an item may have is still missing: so nothing
    is decided on what somebody else has changed meanwhile.
    """
    names, values, conditions, sets, removes = {}, {}, ["attribute_exists(tenant_id)"], [], []
    for number, name in enumerate(sorted({*item.raw, *changed, *TenantItem.model_fields} - {"tenant_id"})):
        names[f"#n{number}"] = name
        if name in item.raw:
            values[f":r{number}"] = item.raw[name]
            conditions.append(f"#n{number} = :r{number}")
        else:
            conditions.append(f"attribute_not_exists(#n{number})")
        if name in changed and changed[name] in (None, {}):
            removes.append(f"#n{number}")
        elif name in changed:
            values[f":w{number}"] = _written(changed[name], item.raw.get(name))
            sets.append(f"#n{number} = :w{number}")
    return {
        "UpdateExpression": " ".join(_clauses(SET=sets, REMOVE=removes)),
        "ConditionExpression": " AND ".join(conditions),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
    }


def _clauses(**parts: list[str]) -> Iterator[str]:
    yield from (f"{verb} {', '.join(names)}" for verb, names in parts.items() if names)


def _written(value: Any, raw: Typed | None) -> Any:
    """Return the value as DynamoDB takes it. What is as it was, at any depth of maps, stays exactly as it was read."""
    if raw and typed_value(value) == typed_value(plain_value(raw)):
        return raw
    if isinstance(value, Mapping):
        entries = raw.get("M", {}) if raw else {}
        return {"M": {key: _written(entry, entries.get(key)) for key, entry in value.items()}}
    return typed_value(value)
