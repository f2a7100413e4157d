"""Check whether a tenant may have a name: by the product's rules, and by the names that are taken or look alike."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, WithJsonSchema

from control.tables import ControlPlane
from tenancy.domain import hostnames
from tenancy.platform import clock

Code = Annotated[str, WithJsonSchema({"type": "string", "enum": [*hostnames.Rule, "taken", "looks_taken"]})]


class NameCheck(BaseModel):
    """Say whether a name may be had.

    ``rule``: the one that the name breaks, in words. ``like``: the name that it is, or looks like.
    """

    tenant_id: str
    ok: bool
    code: Code | None = None
    rule: str | None = None
    like: str | None = None
    host: str


def check(control_plane: ControlPlane, tenant_id: str, base_domain: str) -> NameCheck:
    """Return whether a new tenant may have a name, and which rule it breaks if not. Blocks."""
    good = NameCheck(tenant_id=tenant_id, ok=True, host=hostnames.host_of(tenant_id, base_domain))
    if broken := hostnames.broken_rule(tenant_id):
        return _bad(good, broken.rule, broken.words, broken.like)
    if control_plane.item(tenant_id) is not None:
        return _bad(good, "taken", "is taken", tenant_id)
    holder = _holder(control_plane.claim(hostnames.skeleton(tenant_id)))
    if holder in (None, tenant_id):
        return good
    return _bad(good, "looks_taken", f"looks like '{holder}', which is taken", holder)


def _holder(claim: Mapping[str, Any] | None) -> str | None:
    """Return who holds a name, or one that looks like it. One who held it until lately may have it back at any time."""
    if claim is None or ("free_at" in claim and str(claim["free_at"]) <= clock.now()):
        return None
    return str(claim["tenant_id"])


def _bad(good: NameCheck, code: Code, rule: str, like: str | None) -> NameCheck:
    return good.model_copy(update={"ok": False, "code": code, "rule": rule, "like": like})
