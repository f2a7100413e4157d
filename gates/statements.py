"""Read policies: a value may stand alone, in a list, or on either side of an `Fn::If`."""

from collections.abc import Iterator, Mapping
from typing import Any


def branches(value: Any) -> Iterator[Any]:
    """Yield a value, or each of the values that it can be."""
    if isinstance(value, Mapping) and set(value) == {"Fn::If"}:
        yield from branches(value["Fn::If"][1])
        yield from branches(value["Fn::If"][2])
    elif value != {"Ref": "AWS::NoValue"}:
        yield value


def listed(value: Any) -> list[Any]:
    """Return a value that may be alone or in a list, as a list of all it can hold."""
    found = []
    for some in branches(value):
        for one in some if isinstance(some, list) else [some]:
            found += list(branches(one))
    return found


def statements(properties: Any) -> Iterator[Mapping[str, Any]]:
    """Yield every policy statement anywhere inside a resource's properties."""
    if isinstance(properties, Mapping):
        if "Statement" in properties:
            yield from (entry for entry in listed(properties["Statement"]) if isinstance(entry, Mapping))
        for key, value in properties.items():
            if key != "Statement":
                yield from statements(value)
    elif isinstance(properties, list):
        for value in properties:
            yield from statements(value)


def principals(statement: Mapping[str, Any], kind: str | None = None) -> list[Any]:
    """Return everybody whom a statement names, or only those of one kind (`Service`, `AWS`)."""
    found = []
    for principal in listed(statement.get("Principal", [])):
        if isinstance(principal, Mapping):
            found += [one for k, named in principal.items() if kind in (None, k) for one in listed(named)]
        elif kind is None:
            found.append(principal)
    return found


def conditions(statement: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Yield the key, in lower case, and the value of every test in a statement's conditions."""
    blocks = listed(statement.get("Condition", {}))
    return [(key.lower(), value) for block in blocks for test in block.values() for key, value in test.items()]


def condition_keys(statement: Mapping[str, Any]) -> set[str]:
    """Return the keys that a statement's conditions look at, in lower case."""
    return {key for key, _ in conditions(statement)}


def is_named(statement: Mapping[str, Any]) -> str:
    """Return a statement's Sid, for a sentence about it."""
    return f"statement {statement.get('Sid', '(without a Sid)')}"
