"""Make calls go wrong on purpose: rules over the wire, and a middleware that carries them out.

`/_local_aws/faults` on the emulator's port (GET lists, POST adds, DELETE removes all; `/<id>` for one). A call that
several rules match takes the latency of each, up to the first that ends it. Calls that Step Functions makes itself do
not cross the gateway: `in_process` applies the same rules to them.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

from local_aws.gateway import answers, connections, models
from local_aws.gateway.call import Answer, Call, Proceed
from local_aws.gateway.fault_rules import BadRule, Rule, Strike, parse

PATH = "/_local_aws/faults"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Registry:
    """The rules of this process, for any thread."""

    def __init__(self) -> None:
        self.rules: tuple[Rule, ...] = ()  # replaced, never changed: reading needs no lock
        self._lock = threading.Lock()
        self._ids = itertools.count(1)

    def add(self, given: Any) -> Rule:
        """Add a rule. Raises BadRule."""
        with self._lock:
            rule = parse(given, str(next(self._ids)))
            self.rules = (*self.rules, rule)
            return rule

    def remove(self, id_: str | None = None) -> int:
        """Remove one rule, or all; return how many went."""
        with self._lock:
            kept = tuple(rule for rule in self.rules if id_ not in (None, rule.id))
            gone, self.rules = len(self.rules) - len(kept), kept
            return gone

    def decide(self, service: str, operation: str, principal: str, text: Callable[[], str], crashes: bool) -> Strike:
        """Return what happens to this call. crashes: whether the caller is a function, which alone can be killed."""
        latency = 0.0
        for rule in self.rules:
            if (rule.strike.crash and not crashes) or not rule.concerns(service, operation, principal, text):
                continue
            if rule.strikes():
                latency += rule.strike.latency_seconds
                if rule.strike.ends:
                    found = rule.strike
                    return Strike(found.rule, latency, found.error, found.timeout, found.crash)
        return Strike("", latency)


registry = Registry()


async def faulty(call: Call, proceed: Proceed) -> Answer:
    """Return the middleware that strikes the calls of the rules."""
    if not registry.rules:
        return await proceed()
    crashes = any(rule.strike.crash for rule in registry.rules) and connections.from_function(call.principal)
    strike = registry.decide(call.service, call.operation, call.principal, lambda: _text(call), crashes)
    if not strike.ends and not strike.latency_seconds:
        return await proceed()
    call.notes["fault"] = str(strike)
    if strike.latency_seconds:
        await asyncio.sleep(strike.latency_seconds)
    if strike.error:
        return answers.error(call, strike.error.code, strike.error.message, strike.error.status)
    if strike.timeout == "after" or strike.crash == "after":
        answer = await proceed()
    elif strike.ends:
        answer = Answer(0)
    else:
        return await proceed()
    if strike.crash and not connections.kill_function(call.client, call.principal):
        call.notes["fault"] += " (no process found)"
    answer.unsent = True
    return answer


def _text(call: Call) -> str:
    body = call.body.decode("utf-8", "replace")
    if call.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        body = unquote_plus(body)
    return f"{unquote_plus(call.path)}?{call.query}\n{body}"


class Struck(Exception):
    """A failure of a call that Step Functions makes itself.

    code: without the service's prefix. fault, status: as the trace has them.
    """

    def __init__(self, strike: Strike, code: str, message: str, status: int) -> None:
        super().__init__(message)
        self.code, self.fault, self.status = code, str(strike), status


def in_process(principal: str, service: str, operation: str, request: Any, call: Callable[[], Any]) -> Any:
    """Return `call()`, with the rules applied: latency, errors, and `SdkClientException` for a time-out. Raises Struck.

    There is no process to crash: Step Functions is a service.
    """
    if not registry.rules:
        return call()
    strike = registry.decide(service, operation, principal, lambda: json.dumps(request, default=str), crashes=False)
    time.sleep(strike.latency_seconds)
    if strike.error:
        status = strike.error.status or models.status_of_error(service, strike.error.code) or 400
        raise Struck(strike, strike.error.code, strike.error.message, status)
    if strike.timeout:
        if strike.timeout == "after":
            call()
        status = 200 if strike.timeout == "after" else 0
        raise Struck(strike, "SdkClientException", "Unable to execute HTTP request: Connection reset", status)
    return call()


# ---- the HTTP interface ----


def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
    """Return (status, JSON to send or None)."""
    host = headers.get("host", "").rsplit(":", 1)[0].strip("[]")
    if host not in _LOOPBACK:  # a web page that resolves its own name to this machine
        return 403, _problem("host", host, "ask by 127.0.0.1 or localhost")
    id_ = path.removeprefix(PATH).strip("/")
    if method == "GET":
        views = [rule.view() for rule in registry.rules if id_ in ("", rule.id)]
        return (200, views[0] if id_ else {"rules": views}) if views or not id_ else (404, _unknown(id_))
    if method == "DELETE":
        return (204, None) if registry.remove(id_ or None) or not id_ else (404, _unknown(id_))
    if method == "POST" and not id_:
        return _post(headers, body)
    return 405, _problem("method", method, "use GET, POST or DELETE")


def _post(headers: dict[str, str], body: bytes) -> tuple[int, Any]:
    kind = headers.get("content-type", "")
    if not kind.startswith("application/json"):  # which no web page may send unasked
        return 415, _problem("content-type", kind, "send the rule as application/json")
    try:
        return 201, registry.add(json.loads(body)).view()
    except BadRule as bad:
        return 400, _problem(bad.field, bad.value, bad.remedy)
    except ValueError as error:
        return 400, _problem("body", body.decode("utf-8", "replace")[:200], f"must be JSON: {error}")


def _problem(name: str, value: Any, remedy: str) -> dict[str, Any]:
    return {"error": f"{name} {value!r}: {remedy}", "field": name, "value": value, "remedy": remedy}


def _unknown(id_: str) -> dict[str, Any]:
    return _problem("id", id_, f"no such rule; GET {PATH} lists them")
