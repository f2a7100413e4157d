"""Whether a tenant may have a name: the product's own rules, and whether it, or one that looks like it, is taken."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

from tenancy.domain import hostnames
from tenancy.platform import clock

Code = Literal[
    "plain_form", "length", "characters", "hyphens", "digits", "reserved", "looks_reserved", "taken", "looks_taken"
]

# How the product's rules begin, in words, and the word that a page in another language goes by.
_CODES: tuple[tuple[str, Code], ...] = (
    ("must be given in its plain lower-case form", "plain_form"),
    (f"must have {hostnames.SHORTEST} to {hostnames.LONGEST} characters", "length"),
    ("must consist of", "characters"),
    ("must not have hyphens in the third and fourth place", "hyphens"),
    ("must not be all digits", "digits"),
    ("is reserved", "reserved"),
    ("looks like the reserved name", "looks_reserved"),
)


class NameCheck(BaseModel):
    """``rule``: the one that the name breaks, in words. ``like``: the name that it is, or looks like."""

    tenant_id: str
    ok: bool
    code: Code | None = None
    rule: str | None = None
    like: str | None = None
    host: str


def by_the_rules(tenant_id: str, host: str) -> NameCheck:
    """What can be said without knowing who else there is."""
    rule = hostnames.broken_rule(tenant_id)
    if rule is None:
        return NameCheck(tenant_id=tenant_id, ok=True, host=host)
    code = next(code for beginning, code in _CODES if rule.startswith(beginning))
    like = rule.split("'")[1] if code == "looks_reserved" else None
    return NameCheck(tenant_id=tenant_id, ok=False, code=code, rule=rule, like=like, host=host)


def among_others(check: NameCheck, claim: Mapping[str, Any] | None, *, has_item: bool) -> NameCheck:
    """A name that keeps the rules, beside those that there are.

    claim: who holds the name or one that looks like it. One who held it until lately may have it back at any time.
    """
    if has_item:
        return check.model_copy(
            update={"ok": False, "code": "taken", "rule": "is taken", "like": check.tenant_id},
        )
    holder = str(claim["tenant_id"]) if claim else check.tenant_id
    is_free = claim is not None and "free_at" in claim and str(claim["free_at"]) <= clock.now()
    if holder == check.tenant_id or is_free:
        return check
    rule = f"looks like '{holder}', which is taken"
    return check.model_copy(update={"ok": False, "code": "looks_taken", "rule": rule, "like": holder})
