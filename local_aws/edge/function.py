"""Run the CloudFront Function on this machine: the file that is deployed, in a JavaScript engine of its own.

The engine is QuickJS, which comes as a wheel: no Node is needed to serve. It knows more of the language than the
runtime of CloudFront does; that the file keeps to what both know is a test's business.
"""

import json
import threading
from dataclasses import dataclass
from typing import Any

import quickjs

# CloudFront gives a function less than a millisecond of computing; a wedged one must not hold a request here for ever.
_SECONDS = 1.0
_BYTES = 2 * 1024 * 1024  # what CloudFront gives a function

# What the runtime adds to the request that it hands over. The raw query is no field of the event, so it cannot be seen
# by a function that enumerates the request, nor come back in its answer.
_ENTRY = """
function __run(text, raw) {
    var event = JSON.parse(text);
    Object.defineProperty(event.request, 'rawQueryString', {
        value: function () { return raw === null ? undefined : raw; }
    });
    return JSON.stringify(handler(event));
}
"""


@dataclass(frozen=True)
class Redirect:
    """An answer that the function gave itself. headers: lower-case names."""

    status: int
    headers: dict[str, str]


class EdgeFunction:
    """A function, compiled once. Safe to call from several threads, one at a time.

    source: the text of a program that defines `handler`. What it cannot be compiled for, the constructor raises.
    """

    def __init__(self, source: str) -> None:
        self._lock = threading.Lock()
        self._context = quickjs.Context()
        self._context.set_memory_limit(_BYTES * 8)  # the engine itself needs some
        self._context.eval(source)
        self._context.eval(_ENTRY)
        self._run = self._context.get("__run")

    def result(self, event: dict[str, Any], raw_query: str | None) -> dict[str, Any]:
        """Return what the function returns for an event in CloudFront's structure: a request, or a response.

        raw_query: without the question mark; None if there was none.
        """
        with self._lock:
            self._context.set_time_limit(_SECONDS)
            answer: dict[str, Any] = json.loads(self._run(json.dumps(event), raw_query))
        return answer

    def __call__(self, method: str, uri: str, raw_query: str | None, headers: dict[str, str]) -> str | Redirect:
        """Return the path to go on with, or the answer for the viewer. headers: lower-case names."""
        event = viewer_request(method, uri, raw_query, headers)
        answer = self.result(event, raw_query)
        if "statusCode" in answer:
            fields = {name: field["value"] for name, field in answer.get("headers", {}).items()}
            return Redirect(answer["statusCode"], fields)
        changed: str = answer["uri"]
        return changed


def viewer_request(method: str, uri: str, raw_query: str | None, headers: dict[str, str]) -> dict[str, Any]:
    """Return an event of type viewer-request, as CloudFront hands it to a function."""
    return {
        "version": "1.0",
        "context": {"eventType": "viewer-request"},
        "viewer": {"ip": "127.0.0.1"},
        "request": {
            "method": method,
            "uri": uri,
            "querystring": _parsed(raw_query or ""),
            "headers": {name: {"value": value} for name, value in headers.items()},
            "cookies": {},
        },
    }


def _parsed(raw_query: str) -> dict[str, dict[str, Any]]:
    # Names and values stay escaped as they came; a repeated name has its values in `multiValue`, the last one in front.
    found: dict[str, list[str]] = {}
    for part in filter(None, raw_query.split("&")):
        name, _, value = part.partition("=")
        found.setdefault(name, []).append(value)
    return {
        name: {"value": values[-1]} | ({"multiValue": [{"value": one} for one in values]} if len(values) > 1 else {})
        for name, values in found.items()
    }
