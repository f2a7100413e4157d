"""Define the answers that are no data: RFC 9457 problems, never cached."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

NO_STORE = "no-store"
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Problem:
    """Say what went wrong, in HTTP's words and, where it helps, a sentence for a person and a word for a program.

    errors: ``{field, message}`` for each field that breaks a rule.
    """

    status: int
    detail: str | None = None
    retry_after: int | None = None
    """Seconds."""
    code: str | None = None
    errors: Sequence[Mapping[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """Return a new response that says so."""
        body: dict[str, Any] = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
        }
        body |= {key: value for key, value in (("detail", self.detail), ("code", self.code)) if value}
        if self.errors:
            body["errors"] = [dict(error) for error in self.errors]
        headers = {"Cache-Control": NO_STORE, **self.headers}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return Response(json.dumps(body), self.status, headers, media_type=MEDIA_TYPE)


class Refused(Exception):
    """Refuse a request: a route raises this instead of answering."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.code or str(problem.status))
        self.problem = problem


# One answer for a host that is malformed, unknown, reserved, not live yet or no more, and for a path that is not there:
# who asks learns nothing about which of them it is.
NOT_FOUND = Problem(404)
SUSPENDED = Problem(503, "This site is suspended.", retry_after=300, code="suspended")
UNAVAILABLE = Problem(503, "This site is not available at the moment.", retry_after=2, code="unavailable")
TOO_LARGE = Problem(413, "The body is too large.", code="bad_request")
FOREIGN_ORIGIN = Problem(403, "A page of another site cannot do this.", code="origin_forbidden")


def invalid(**fields: str) -> Refused:
    """Return a refusal (422): a field breaks a rule; ``__`` in its name stands for a dot."""
    errors = [{"field": name.replace("__", "."), "message": message} for name, message in fields.items()]
    return Refused(Problem(422, "The request breaks a rule.", code="invalid", errors=errors))


def conflict(code: str, detail: str) -> Refused:
    """Return a refusal (409): what is there already, or how it is now, forbids it."""
    return Refused(Problem(409, detail, code=code))
