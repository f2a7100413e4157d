"""Answers that are no data: RFC 9457 problems, never cached."""

import json
from dataclasses import dataclass
from http import HTTPStatus

from starlette.responses import Response

NO_STORE = "no-store"


@dataclass(frozen=True)
class Problem:
    """What went wrong, in the words of HTTP and, where it helps a visitor, one sentence."""

    status: int
    detail: str | None = None
    retry_after: int | None = None
    """Seconds."""

    def response(self) -> Response:
        """A new response that says so."""
        body = {"type": "about:blank", "title": HTTPStatus(self.status).phrase, "status": self.status}
        if self.detail:
            body["detail"] = self.detail
        headers = {"Cache-Control": NO_STORE}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return Response(json.dumps(body), self.status, headers, media_type="application/problem+json")


# One answer for a host that is malformed, unknown, reserved, not live yet or no more, and for a path that is not there:
# who asks learns nothing about which of them it is.
NOT_FOUND = Problem(404)
SUSPENDED = Problem(503, "This site is suspended.", retry_after=300)
UNAVAILABLE = Problem(503, "This site is not available at the moment.", retry_after=2)
