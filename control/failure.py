"""Tell people what an error's code means."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from tenancy.domain.languages import ENGLISH, SPANISH


class InSpanish(BaseModel):
    """Say what the code means, and what a person should do, in the words of the e-mails."""

    cause: str
    remedy: str


class LastError(BaseModel):
    """Say why the last run did not end well. ``remedy``: what a person should do. The message is English only."""

    code: str
    message: str
    stage: str
    remedy: str
    es: InSpanish


def last_error(record: Mapping[str, Any]) -> LastError | None:
    """Return a record's last error, or None."""
    found = record.get("last_error")
    if not found:
        return None
    code = str(found.get("code", ""))
    known = {name: str(found.get(name, "")) for name in ("message", "stage")}
    return LastError(code=code, remedy=str(found.get("remedy") or ENGLISH.remedy(code)), es=in_spanish(code), **known)


def in_spanish(code: str) -> InSpanish:
    """Return a code's words in Spanish."""
    return InSpanish(cause=SPANISH.message(code, ""), remedy=SPANISH.remedy(code))
