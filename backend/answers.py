"""Answer what went wrong as problems, and describe them in the OpenAPI documents."""

import logging
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from backend.problems import MEDIA_TYPE, NOT_FOUND, UNAVAILABLE, Problem, Refused
from tenancy.domain.errors import TenancyError, TransientError

logger = logging.getLogger(__name__)

_SAID = {
    400: "The request is malformed.",
    401: "There is no token, or it is not valid.",
    403: "The token does not allow this, or the request comes from a page of another site.",
    404: "Nothing is here.",
    409: "What is there already, or how it is now, forbids it.",
    412: "It has changed since it was read.",
    422: "A field breaks a rule.",
    428: "A header is missing without which this is not done.",
    503: "Not available at the moment; Retry-After says when to ask again.",
}


class FieldError(BaseModel):
    """Name one field that breaks a rule. ``field``: a dotted path into the request."""

    field: str
    message: str


class ProblemBody(BaseModel):
    """Say what went wrong, as RFC 9457 has it. ``code`` is for programs."""

    type: str
    title: str
    status: int
    detail: str | None = None
    code: str | None = None
    errors: list[FieldError] | None = None


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the ``responses`` of a route that answers these statuses as problems."""
    schema = {"$ref": "#/components/schemas/ProblemBody"}
    return {status: {"description": _SAID[status], "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses}


def describe(app: FastAPI) -> None:
    """Have the application's OpenAPI know what a problem looks like."""
    plain: Callable[[], dict[str, Any]] = app.openapi
    definitions = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")

    def openapi() -> dict[str, Any]:
        document = plain()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas |= {
            **definitions.get("$defs", {}),
            "ProblemBody": {k: v for k, v in definitions.items() if k[0] != "$"},
        }
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def install(app: FastAPI) -> None:
    """Answer every error of the application's routes as a problem."""
    app.add_exception_handler(Refused, _for_refused)
    app.add_exception_handler(TransientError, _for_transient)
    app.add_exception_handler(RequestValidationError, _for_invalid)
    app.add_exception_handler(HTTPException, _for_http)
    app.add_exception_handler(Exception, _for_any)
    describe(app)


async def _for_refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - registered for it
    return error.problem.response()


async def _for_transient(request: Request, error: Exception) -> Response:
    # The cause is for the log: its words name files and locks, which are no visitor's business.
    logger.warning("%s: %s", type(error).__name__, error)
    return UNAVAILABLE.response()


async def _for_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    found = error.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return Problem(400, "The body is not JSON.", code="bad_request").response()
    # The first part of a place says where the field stands: body, query, path, header. What was sent is not repeated.
    errors = [
        {"field": ".".join(map(str, each["loc"][1:])) or str(each["loc"][0]), "message": _rule(each)} for each in found
    ]
    return Problem(422, "The request breaks a rule.", code="invalid", errors=errors[:50]).response()


def _rule(error: dict[str, Any]) -> str:
    return str(error["ctx"]["error"]) if "error" in error.get("ctx", {}) else str(error["msg"])


async def _for_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    # A body that is no UTF-8 is refused by the framework itself, before any rule is asked.
    malformed = Problem(400, "The request is malformed.", code="bad_request")
    response = {400: malformed, 404: NOT_FOUND}.get(status, Problem(status)).response()
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    return response


async def _for_any(request: Request, error: Exception) -> Response:
    if isinstance(error, TenancyError):
        logger.error("%s: %s", type(error).__name__, error)
    return Problem(500).response()
