"""Rules for calls that shall go wrong: what a rule says, whether it concerns a call, and when it strikes.

A rule counts the calls that it matches. It strikes the n-th ones (`nth`), those after the first k (`after`), at most
so many (`times`), by chance (`probability`, decided by seed and count, so that the same calls give the same result), or
those that a token bucket refuses (`token_bucket`). These combine: all that are given must agree.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from local_aws.gateway import models
from local_aws.gateway.bucket import Bucket

MOST_LATENCY_SECONDS = 900


class BadRule(ValueError):
    """A rule that cannot be understood: the message names the field, its value and what to write instead."""

    def __init__(self, name: str, value: Any, remedy: str) -> None:
        super().__init__(f"{name} {value!r}: {remedy}")
        self.field, self.value, self.remedy = name, value, remedy


@dataclass(frozen=True)
class Failure:
    """An error of the service. status: HTTP status, None for the service's own."""

    code: str
    message: str
    status: int | None = None


@dataclass(frozen=True)
class Strike:
    """A decision about one call: it takes longer, and then meets at most one of the others."""

    rule: str = ""
    latency_seconds: float = 0.0
    error: Failure | None = None
    timeout: str | None = None
    crash: str | None = None

    @property
    def ends(self) -> bool:
        """Return whether the caller does not get the service's answer."""
        return bool(self.error or self.timeout or self.crash)

    def __str__(self) -> str:
        """Return it as the trace shows it: `3 timeout after`."""
        if self.error:
            return f"{self.rule} error {self.error.code}"
        if self.timeout or self.crash:
            return f"{self.rule} timeout {self.timeout}" if self.timeout else f"{self.rule} crash {self.crash}"
        return f"latency {self.latency_seconds:g} s"


@dataclass
class Rule:
    """A rule as the module describes it. `given`: as it was added; seen, hits: calls that matched, and those struck."""

    id: str
    given: Mapping[str, Any]
    service: str
    operation: str
    principal: str | None
    match: str | None
    strike: Strike
    nth: frozenset[int]
    times: int | None
    after: int
    probability: float | None
    seed: str
    bucket: Bucket | None
    seen: int = 0
    hits: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def concerns(self, service: str, operation: str, principal: str, text: Callable[[], str]) -> bool:
        """Return whether a call is meant. text: the request's path, query and body, asked for only if the rule wants
        it.
        """
        return (
            self.service in ("*", service)
            and self.operation in ("*", operation)
            and (self.principal is None or fnmatchcase(principal, self.principal))
            and (self.match is None or self.match in text())
        )

    def strikes(self) -> bool:
        """Count one more matching call; return whether it is struck."""
        with self._lock:
            self.seen += 1
            struck = (
                (self.times is None or self.hits < self.times)
                and self.seen > self.after
                and (not self.nth or self.seen in self.nth)
                and (self.probability is None or self._chance() < self.probability)
                and (self.bucket is None or not self.bucket.take())
            )
            self.hits += struck
            return struck

    def _chance(self) -> float:
        return random.Random(f"{self.seed}:{self.seen}").random()  # noqa: S311 - reproducible on purpose

    def view(self) -> dict[str, Any]:
        """Return it as the HTTP interface shows it."""
        seed = {"seed": self.seed} if self.probability is not None else {}
        return {"id": self.id, **self.given, **seed, "seen": self.seen, "hits": self.hits}


def parse(given: Any, id_: str) -> Rule:
    """Return the rule that a JSON object describes. Raises BadRule."""
    if not isinstance(given, dict):
        raise BadRule("rule", given, "must be a JSON object with service, operation and what shall happen")
    if unknown := sorted(set(given) - set(_FIELDS)):
        raise BadRule(unknown[0], given[unknown[0]], f"is no field of a rule; fields are {', '.join(_FIELDS)}")
    values = {name: _FIELDS[name](name, value) for name, value in given.items() if value is not None}
    service, operation = _target(values.get("service"), values.get("operation"))
    bucket = values.get("token_bucket")
    error = values.get("error") or (bucket and bucket["error"])
    strike = Strike(id_, values.get("latency_seconds", 0.0), error, values.get("timeout"), values.get("crash"))
    if sum(map(bool, (strike.error, strike.timeout, strike.crash))) > 1:
        raise BadRule("rule", given, "can have only one of error, token_bucket, timeout and crash; add a second rule")
    if not strike.ends and not strike.latency_seconds:
        raise BadRule("rule", given, "does nothing; give it error, latency_seconds, token_bucket, timeout or crash")
    return Rule(
        id=id_,
        given=given,
        service=service,
        operation=operation,
        principal=values.get("principal"),
        match=values.get("match"),
        strike=strike,
        nth=values.get("nth", frozenset()),
        times=values.get("times"),
        after=values.get("after", 0),
        probability=values.get("probability"),
        seed=values.get("seed", str(random.SystemRandom().randrange(1 << 32))),
        bucket=Bucket(bucket["burst"], bucket["rate"]) if bucket else None,
    )


def _target(service: Any, operation: Any) -> tuple[str, str]:
    """Check a rule's names against botocore's models: a misspelt one would never strike, and a test would be green."""
    if service is None:
        raise BadRule("service", service, "is missing; name a service as boto3 does (`route53`), or `*` for all")
    if operation is None:
        raise BadRule("operation", operation, "is missing; name one as the API does (`PutItem`), or `*` for all")
    if service == "*":
        return service, operation
    model = models.model_of(service)
    if model is None:
        raise BadRule("service", service, "is not known to boto3; use boto3's name (`stepfunctions`) or `*`")
    if operation != "*" and operation not in model.operation_names:
        raise BadRule(
            "operation", operation, f"is no operation of {service}; use the API's spelling (`PutItem`) or `*`"
        )
    return str(model.signing_name), operation


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise BadRule(name, value, "must be a text that is not empty")
    return value


def _number(low: float, high: float, what: str) -> Callable[[str, Any], float]:
    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low < value <= high:
            raise BadRule(name, value, f"must be {what}, above {low:g} and at most {high:g}")
        return float(value)

    return check


def _count(low: int) -> Callable[[str, Any], int]:
    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise BadRule(name, value, f"must be a whole number, {low} or more")
        return value

    return check


def _nth(name: str, value: Any) -> frozenset[int]:
    numbers = value if isinstance(value, list) and value else [value]
    return frozenset(_count(1)(name, number) for number in numbers)


def _seed(name: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise BadRule(name, value, "must be a whole number or a text")
    return str(value)


def _failure(name: str, value: Any) -> Failure:
    if not isinstance(value, dict) or set(value) - {"code", "message", "status"}:
        raise BadRule(name, value, 'must be {"code": "Throttling", "message"?: …, "status"?: 400}')
    code = _text(f"{name}.code", value.get("code"))
    message = value.get("message", f"Injected by the rule for {code}.")
    status = value.get("status")
    if status is not None and (isinstance(status, bool) or status not in range(400, 600)):
        raise BadRule(f"{name}.status", status, "must be an HTTP status from 400 to 599")
    return Failure(code, _text(f"{name}.message", message), status)


def _token_bucket(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict) or set(value) - {"burst", "rate", "error"}:
        raise BadRule(name, value, 'must be {"burst": 5, "rate": 1.5, "error"?: {"code": "Throttling"}}, rate a second')
    return {
        "burst": _number(0, 1e9, "how many calls pass at once")(f"{name}.burst", value.get("burst")),
        "rate": _number(0, 1e9, "calls a second")(f"{name}.rate", value.get("rate")),
        "error": _failure(f"{name}.error", value.get("error", {"code": "Throttling", "message": "Rate exceeded"})),
    }


def _moment(name: str, value: Any) -> str:
    if value not in ("before", "after"):
        raise BadRule(name, value, "must be `before` or `after` (the call's effect)")
    return str(value)


_FIELDS: dict[str, Callable[[str, Any], Any]] = {
    "service": _text,
    "operation": _text,
    "principal": _text,
    "match": _text,
    "error": _failure,
    "latency_seconds": _number(0, MOST_LATENCY_SECONDS, "seconds"),
    "timeout": _moment,
    "crash": _moment,
    "token_bucket": _token_bucket,
    "nth": _nth,
    "times": _count(1),
    "after": _count(0),
    "probability": _number(0, 1, "a probability"),
    "seed": _seed,
}
