"""Define what a field of a request may hold, and cursors, which say where in a list the next page begins."""

import base64
import binascii
import json
import unicodedata
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from backend.problems import Problem, Refused

_LONGEST_CURSOR = 2000
_LINE_BREAKS = "\n\r\t"


def _printable(value: str) -> str:
    # Control, format (bidi overrides, zero-width), surrogate, private use, unassigned; line and paragraph separators.
    if any(unicodedata.category(char)[0] == "C" or unicodedata.category(char) in ("Zl", "Zp") for char in value):
        raise ValueError("must not contain control characters or line breaks")
    return value


def _printable_lines(value: str) -> str:
    _printable("".join(char for char in value if char not in _LINE_BREAKS))
    return value


def _email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if not (at and local and "." in domain.strip(".")) or any(char.isspace() for char in value):
        raise ValueError("must be an e-mail address")
    return _printable(value)


def _trimmed(shortest: int, longest: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, min_length=shortest, max_length=longest)


Name = Annotated[str, _trimmed(1, 120), AfterValidator(_printable)]
ShortText = Annotated[str, _trimmed(1, 80), AfterValidator(_printable)]
Lines = Annotated[str, _trimmed(0, 500), AfterValidator(_printable_lines)]
Email = Annotated[str, _trimmed(3, 254), AfterValidator(_email)]
Phone = Annotated[str, _trimmed(3, 40), AfterValidator(_printable)]
Address = Annotated[str, _trimmed(1, 300), AfterValidator(_printable_lines)]
Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Cents = Annotated[int, Field(ge=0, le=1_000_000_000_000, strict=True)]
Currency = Annotated[str, Field(pattern="^[A-Z]{3}$")]

Limit = Annotated[int, Field(ge=1, le=100)]
Search = Annotated[str, Field(max_length=200)]


class Body(BaseModel):
    """Hold what a client sends. A field that is not known is an error, so that a misspelt one is noticed."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Page[Item](BaseModel):
    """Give a part of a list. ``next``: the cursor of the part that follows, or null."""

    items: list[Item]
    next: str | None


def page[Item](found: Sequence[Item], limit: int, place: Sequence[str]) -> Page[Item]:
    """Return a page from up to ``limit + 1`` items. place: of the last one on the page; ignored where none follows."""
    more = len(found) > limit
    return Page(items=list(found[:limit]), next=_cursor(place) if more else None)


def _cursor(place: Sequence[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(place)).encode()).decode().rstrip("=")


def place_of(cursor: str | None, parts: int) -> list[str | None]:
    """Return what a cursor says: as many texts as the list's order has, or as many None for its beginning.

    Raises Refused for what is no cursor. A cursor that somebody has made up moves them to another place of a list that
    they may read anyway.
    """
    if cursor is None:
        return [None] * parts
    try:
        raw = base64.b64decode(cursor[:_LONGEST_CURSOR] + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        place = json.loads(raw)
    except (binascii.Error, ValueError):
        place = None
    if not isinstance(place, list) or len(place) != parts or not all(_is_text(part) for part in place):
        raise Refused(Problem(400, "The cursor is not one that this list has given.", code="bad_request"))
    return place


def _is_text(part: object) -> bool:
    # A lone surrogate, which JSON can spell, is no character that the database could be asked for.
    return isinstance(part, str) and not any("\ud800" <= char <= "\udfff" for char in part)
