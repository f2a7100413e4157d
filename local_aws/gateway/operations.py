"""Tell which API operation a raw AWS request is, in botocore's names."""

from __future__ import annotations

import re
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl

_ACCESS_KEY = re.compile(r"Credential=([^/]+)/")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
_MODELS = {  # signing name -> botocore's name of the service, where they differ and REST paths must be matched
    "elasticfilesystem": "efs",
    "execute-api": None,
    "apigateway": "apigateway",
    "cloudfront-keyvaluestore": None,
}


def access_key_of(headers: dict[str, str]) -> str:
    """Return the access key that signed a request; empty if it is unsigned."""
    found = _ACCESS_KEY.search(headers.get("authorization", ""))
    return found[1] if found else ""


def service_of(headers: dict[str, str], query: str) -> str:
    """Return the service's signing name: `dynamodb`, `route53`, `states`, `events`, …; empty if the request is
    unsigned.
    """
    found = _SCOPE.search(headers.get("authorization", ""))
    if found:
        return found[1]
    credential = parse_qs(query).get("X-Amz-Credential", [""])[0].split("/")
    return credential[3] if len(credential) > 3 else ""


def operation_of(service: str, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> str:
    """Return `UpdateDistribution`, `PutItem`, …; `GET /path` if it cannot be told."""
    target = headers.get("x-amz-target", "")
    if target:
        return target.rsplit(".", 1)[-1]
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        action = parse_qs(body.decode("utf-8", "replace")).get("Action") or parse_qs(query).get("Action")
        if action:
            return action[0]
    keys = dict(parse_qsl(query, keep_blank_values=True))
    fitting = [
        operation
        for operation in _routes(service)
        if operation.method == method and operation.asks_for(keys) and operation.path.fullmatch(path)
    ]
    # A copy and a put of an object differ in a header. One that lacks its own is a bad request of its kind.
    for operation in [each for each in fitting if all(name in headers for name in each.headers)] or fitting:
        return operation.name
    return f"{method} {path}"


class _Route:
    def __init__(self, name: str, method: str, uri: str, required: list[str], headers: list[str]) -> None:
        path, _, query = uri.partition("?")
        self.name, self.method, self.headers = name, method, headers
        self.query = {**dict(parse_qsl(query, keep_blank_values=True)), **dict.fromkeys(required, "")}
        pattern = re.sub(r"\\\{[^}]*?\+\\\}", ".+", re.escape(path))
        self.path = re.compile(re.sub(r"\\\{[^}]*?\\\}", "[^/]+", pattern) + "/?")

    def asks_for(self, keys: dict[str, str]) -> bool:
        return all(name in keys and (not value or keys[name] == value) for name, value in self.query.items())


@cache
def _routes(service: str) -> list[_Route]:
    """Return the service's REST operations, those that ask for most query keys and headers first."""
    import botocore.exceptions
    import botocore.session

    name = _MODELS.get(service, service)
    if not name:
        return []
    try:
        model = botocore.session.get_session().get_service_model(name)
    except botocore.exceptions.UnknownServiceError:  # not known by its signing name: its paths stay raw
        return []
    routes = []
    for operation_name in model.operation_names:
        operation = model.operation_model(operation_name)
        shape: Any = operation.input_shape
        required, headers = (
            [
                member.serialization.get("name", key)
                for key, member in (shape.members.items() if shape else ())
                if member.serialization.get("location") == place and key in shape.required_members
            ]
            for place in ("querystring", "header")
        )
        http = operation.http
        called = re.sub(r"\d{4}_\d{2}_\d{2}$", "", operation_name)
        routes.append(_Route(called, http["method"], http["requestUri"], required, [each.lower() for each in headers]))
    return sorted(routes, key=lambda route: -len(route.query) - len(route.headers))
