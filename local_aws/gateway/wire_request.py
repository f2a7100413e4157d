"""Turn a raw AWS request back into the parameters that an SDK was called with.

Covers JSON, query and REST-XML. Shapes are compiled once from botocore's models, because its own objects are slow to
walk. Leaves of XML and of forms get the type that their shape has; what cannot be converted stays text, for the
validator to refuse.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree as ET

from local_aws.gateway import models
from local_aws.gateway.call import Call


class Shape:
    """A shape of a service's model, as a member of another shape or as an operation's input."""

    def __init__(self, shape: Any) -> None:
        self.type: str = shape.type_name
        metadata = shape.metadata
        self.low, self.high = metadata.get("min"), metadata.get("max")
        self.choices = frozenset(getattr(shape, "enum", ()) or ())
        self.pattern_text: str | None = metadata.get("pattern")
        self.pattern = _compiled(self.pattern_text)
        self.sensitive = bool(metadata.get("sensitive"))
        self.required: tuple[str, ...] = tuple(metadata.get("required", ()))
        self.union = bool(getattr(shape, "is_tagged_union", False))
        self.opaque = bool(getattr(shape, "is_document_type", False) or getattr(shape, "is_eventstream", False))
        written = shape.serialization
        self.location: str | None = written.get("location")
        self.name: str | None = written.get("name")
        self.attribute = bool(written.get("xmlAttribute"))
        self.flat = bool(written.get("flattened"))
        self.payload: str | None = written.get("payload")
        self._shape = shape
        self._members: dict[str, Shape] | None = None
        self._parts: tuple[Shape, ...] | None = None

    @property
    def members(self) -> dict[str, Shape]:
        """Return a structure's members, by their names in the API."""
        if self._members is None:
            self._members = {name: Shape(member) for name, member in self._shape.members.items()}
        return self._members

    @property
    def parts(self) -> tuple[Shape, ...]:
        """Return a list's member, or a map's key and value."""
        if self._parts is None:
            shape = self._shape
            self._parts = (Shape(shape.member),) if self.type == "list" else (Shape(shape.key), Shape(shape.value))
        return self._parts


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    """Return a model's (Java's) pattern in Python's form; None if it has none."""
    if not pattern:
        return None
    for name, chars in _JAVA_CLASSES.items():
        pattern = pattern.replace(name, chars)
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return None


_JAVA_CLASSES = {r"\p{Alnum}": "A-Za-z0-9", r"\p{Alpha}": "A-Za-z", r"\p{Digit}": "0-9"}


class Unreadable(ValueError):
    """A body that is not what its protocol says."""


@cache
def input_of(service: str, operation: str) -> tuple[Shape | None, str, re.Pattern[str] | None]:
    """Return (the input's shape, the protocol, the path's pattern); (None, "", None) for what is not known."""
    model = models.model_of(service)
    if model is None or operation not in model.operation_names:
        return None, "", None
    made = model.operation_model(operation)
    pattern = None
    if model.protocol.startswith("rest"):
        path = re.escape(made.http["requestUri"].partition("?")[0].rstrip("/"))
        pattern = re.compile(re.sub(r"\\\{(\w+)\\\+?\}", r"(?P<\1>[^/]+)", path) + "/?")
    return (Shape(made.input_shape) if made.input_shape else None), model.protocol, pattern


def parameters(call: Call) -> tuple[Shape, dict[str, Any]] | None:
    """Return (input shape, parameters); None for an operation or protocol that is not covered. Raises Unreadable."""
    shape, protocol, path = input_of(call.service, call.operation)
    if shape is None:
        return None
    if "x-amz-target" in call.headers:
        return (shape, _json(call.body)) if protocol == "json" else None
    if protocol == "query":
        return shape, _form(shape, dict(parse_qsl(call.body.decode() or call.query, keep_blank_values=True)))
    if protocol == "rest-xml" and path is not None:
        return shape, _rest(shape, path, call)
    return None


def _json(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body or b"{}")
    except ValueError as error:
        raise Unreadable(f"the body is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Unreadable("the body is no JSON object")
    return found


# ---- leaves ----


def _boolean(text: str) -> Any:
    return {"true": True, "false": False}.get(text.strip().lower(), text)


def _tried(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def attempt(text: str) -> Any:
        try:
            return convert(text.strip())
        except ValueError:
            return text

    return attempt


_LEAVES: Mapping[str, Callable[[str], Any]] = {
    "boolean": _boolean,
    "integer": _tried(int),
    "long": _tried(int),
    "float": _tried(float),
    "double": _tried(float),
}


def _leaf(shape: Shape, text: str) -> Any:
    convert = _LEAVES.get(shape.type)
    return convert(text) if convert else text


# ---- query ----


def _form(shape: Shape, fields: Mapping[str, str], prefix: str = "") -> Any:
    """Return the value below `prefix`; a structure of nothing is {}."""
    if shape.type == "structure":
        found = {}
        for name, member in shape.members.items():
            key = f"{prefix}.{member.name or name}" if prefix else member.name or name
            if key in fields or any(field.startswith(f"{key}.") for field in fields):
                found[name] = _form(member, fields, key)
        return found
    if shape.type == "list":
        (member,) = shape.parts
        stem = prefix if shape.flat else f"{prefix}.{member.name or 'member'}"
        return [_form(member, fields, f"{stem}.{place}") for place in _places(fields, stem)]
    if shape.type == "map":
        names, values = shape.parts
        stem = prefix if shape.flat else f"{prefix}.entry"
        entries = [f"{stem}.{place}" for place in _places(fields, stem)]
        return {
            fields.get(f"{entry}.{names.name or 'key'}", ""): _form(values, fields, f"{entry}.{values.name or 'value'}")
            for entry in entries
        }
    return _leaf(shape, fields.get(prefix, ""))


def _places(fields: Mapping[str, str], stem: str) -> list[int]:
    start = len(stem) + 1
    found = {field[start:].partition(".")[0] for field in fields if field.startswith(f"{stem}.")}
    return sorted(int(place) for place in found if place.isdigit())


# ---- REST-XML ----


def _rest(shape: Shape, path: re.Pattern[str], call: Call) -> dict[str, Any]:
    places = path.fullmatch(call.path)
    query = dict(parse_qsl(call.query, keep_blank_values=True))
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        key = member.name or name
        if member.location == "uri" and places and key in places.groupdict():
            found[name] = _leaf(member, unquote(places[key]))
        elif member.location == "querystring" and key in query:
            found[name] = _leaf(member, query[key])
        elif member.location == "header" and key.lower() in call.headers:
            found[name] = _leaf(member, call.headers[key.lower()])
    if not call.body:
        return found
    try:
        root = ET.fromstring(call.body)  # noqa: S314
    except ET.ParseError as error:
        raise Unreadable(f"the body is no XML: {error}") from None
    if shape.payload:
        found[shape.payload] = _xml(shape.members[shape.payload], root)
    else:
        found |= {name: value for name, value in _xml(shape, root).items() if shape.members[name].location is None}
    return found


def _tag(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _xml(shape: Shape, element: ET.Element) -> Any:
    if shape.type == "structure":
        return _xml_structure(shape, element)
    if shape.type == "list":
        return [_xml(shape.parts[0], child) for child in element]
    if shape.type == "map":
        return {}  # none in the services that are covered
    return _leaf(shape, element.text or "")


def _xml_structure(shape: Shape, element: ET.Element) -> dict[str, Any]:
    children: dict[str, list[ET.Element]] = {}
    for child in element:
        children.setdefault(_tag(child), []).append(child)
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        key = member.name or name
        if member.attribute:
            wanted = key.rpartition(":")[2]
            attributes = {attribute.rpartition("}")[2]: text for attribute, text in element.attrib.items()}
            if wanted in attributes:
                found[name] = _leaf(member, attributes[wanted])
        elif member.type == "list" and member.flat:
            key = member.parts[0].name or key
            if key in children:
                found[name] = [_xml(member.parts[0], child) for child in children[key]]
        elif key in children:
            found[name] = _xml(member, children[key][0])
    return found
