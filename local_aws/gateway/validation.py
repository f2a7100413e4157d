"""Hold each call to its service's model: required members, types, lengths, ranges, enums, patterns.

AWS refuses these; MiniStack lets most pass, and the SDK checks only some. A call that does not fit is answered with the
service's own validation error and traced with `invalid`. Covered are SERVICES, whoever calls them, and
what state machines call themselves. Unknown members pass: AWS ignores them, and the SDK of the caller, which refuses
them, may know newer ones than the emulator's model.

Source: botocore's service models, which are AWS's own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

from local_aws.gateway import answers, models, wire_request
from local_aws.gateway.call import Answer, Call, Proceed
from local_aws.gateway.wire_request import Shape

SERVICES = {
    "dynamodb": "ValidationException",
    "states": "ValidationException",
    "events": "ValidationException",
    "secretsmanager": "InvalidParameterException",
    "sqs": "InvalidParameterValue",
    "sns": "InvalidParameter",
    "route53": "InvalidInput",
    "cloudfront": "InvalidArgument",
}
"""Signing name -> the code under which the service refuses what its model does not allow."""


async def valid(call: Call, proceed: Proceed) -> Answer:
    """Return the middleware that refuses calls which do not fit their model."""
    if call.service in SERVICES and (problem := problem_of(call)):
        call.notes["invalid"] = problem
        return answers.error(call, SERVICES[call.service], f"1 validation error detected: {problem}", 400)
    return await proceed()


def problem_of(call: Call) -> str | None:
    """Return the first thing that is wrong with a request, in AWS's words; None if nothing is, or if it is not
    covered.
    """
    try:
        found = wire_request.parameters(call)
    except wire_request.Unreadable as error:
        return str(error)
    return problem_in(*found) if found else None


def problem_of_integration(service: str, operation: str, request: Any) -> str | None:
    """Return the same for what a state machine asks a service for, as its `Arguments` have it."""
    if service not in SERVICES or not isinstance(request, dict):
        return None
    shape, _, _ = wire_request.input_of(service, operation)
    if shape is None or not any(name in shape.members for name in request):
        return None  # other spelling than the API's: not ours to judge
    return problem_in(shape, request)


def preload() -> None:
    """Load the models (some 70 ms), so that no caller waits for it."""
    for service in SERVICES:
        models.model_of(service)


def problem_in(shape: Shape, value: Any, where: str = "") -> str | None:
    """Return the first member that does not fit its shape. where: the path so far, as AWS writes it
    (`a.b.1.member`).
    """
    check = _CHECKS.get(shape.type)
    return check(shape, value, where) if check and not shape.opaque else None


def _structure(shape: Shape, value: Any, where: str) -> str | None:
    if not isinstance(value, dict):
        return _wrong_type(shape, value, where)
    for name in shape.required:
        if value.get(name) is None:
            return f"Value null at '{_below(where, name)}' failed to satisfy constraint: Member must not be null"
    given = [(name, member) for name, member in value.items() if member is not None]
    if shape.union and len(given) != 1:
        return f"Value at '{where}' failed to satisfy constraint: Exactly one member must be set"
    members = shape.members
    for name, member in given:
        if name in members and (problem := problem_in(members[name], member, _below(where, name))):
            return problem
    return None


def _list(shape: Shape, value: Any, where: str) -> str | None:
    if not isinstance(value, list | tuple):
        return _wrong_type(shape, value, where)
    if problem := _length(shape, len(value), value, where):
        return problem
    (member,) = shape.parts
    for place, item in enumerate(value, 1):
        if problem := problem_in(member, item, f"{where}.{place}.member"):
            return problem
    return None


def _map(shape: Shape, value: Any, where: str) -> str | None:
    if not isinstance(value, dict):
        return _wrong_type(shape, value, where)
    if problem := _length(shape, len(value), value, where):
        return problem
    key, member = shape.parts
    for name, item in value.items():
        if problem := problem_in(key, name, f"{where}.key") or problem_in(member, item, f"{where}.{name}.member"):
            return problem
    return None


def _string(shape: Shape, value: Any, where: str) -> str | None:
    if not isinstance(value, str):
        return _wrong_type(shape, value, where)
    if problem := _length(shape, len(value), value, where):
        return problem
    if shape.choices and value not in shape.choices:
        allowed = ", ".join(sorted(shape.choices))
        return _failed(shape, value, where, f"Member must satisfy enum value set: [{allowed}]")
    if shape.pattern and not shape.pattern.fullmatch(value):
        return _failed(shape, value, where, f"Member must satisfy regular expression pattern: {shape.pattern_text}")
    return None


def _number(shape: Shape, value: Any, where: str) -> str | None:
    whole = shape.type in ("integer", "long")
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return _wrong_type(shape, value, where)
    if shape.low is not None and value < shape.low:
        return _failed(shape, value, where, f"Member must have value greater than or equal to {shape.low}")
    if shape.high is not None and value > shape.high:
        return _failed(shape, value, where, f"Member must have value less than or equal to {shape.high}")
    return None


def _boolean(shape: Shape, value: Any, where: str) -> str | None:
    return None if isinstance(value, bool) else _wrong_type(shape, value, where)


def _blob(shape: Shape, value: Any, where: str) -> str | None:
    if not isinstance(value, str):
        return _wrong_type(shape, value, where)
    try:
        return _length(shape, len(base64.b64decode(value, validate=True)), value, where)
    except binascii.Error:
        return _failed(shape, value, where, "Member must be base64")


_CHECKS: dict[str, Callable[[Shape, Any, str], str | None]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "character": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "blob": _blob,
}


def _below(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _length(shape: Shape, length: int, value: Any, where: str) -> str | None:
    if shape.low is not None and length < shape.low:
        return _failed(shape, value, where, f"Member must have length greater than or equal to {shape.low}")
    if shape.high is not None and length > shape.high:
        return _failed(shape, value, where, f"Member must have length less than or equal to {shape.high}")
    return None


def _wrong_type(shape: Shape, value: Any, where: str) -> str:
    return _failed(shape, value, where, f"Member must be of type {shape.type}")


def _failed(shape: Shape, value: Any, where: str, constraint: str) -> str:
    shown = "***" if shape.sensitive else str(value)
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    return f"Value '{shown}' at '{where}' failed to satisfy constraint: {constraint}"
