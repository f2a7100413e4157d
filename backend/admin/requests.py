"""Check what an operator asks for, the fields of a tenants item, by the product's own rules."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from backend.fields import Body
from backend.problems import Problem, Refused
from tenancy.domain.item import TenantItem
from tenancy.platform import clock

type Setting = str | bool | int | float

_LARGEST, _SMALLEST = 2**53, 1e-9  # DynamoDB could keep more, and JSON in a browser could not


def _bounded(settings: dict[str, Setting] | None) -> dict[str, Setting] | None:
    for key, value in (settings or {}).items():
        if isinstance(value, int | float) and value and not _SMALLEST <= abs(value) <= _LARGEST:
            raise ValueError(f"entry '{key[:40]}': a number lies between {_SMALLEST} and {_LARGEST}")
    return settings


Settings = Annotated[dict[str, Setting], Field(max_length=50), AfterValidator(_bounded)]
DesiredState = Literal["active", "suspended"]
Tier = Literal["basic", "standard", "premium"]


class NewTenant(Body):
    """Ask for a tenant. A field that is not given is not written; the product's defaults hold."""

    tenant_id: str
    name: str
    tier: Tier | None = None
    contact_email: str | None = None
    settings: Settings | None = None
    desired_state: DesiredState | None = None


class TenantChange(Body):
    """Change what is given. ``contact_email`` null takes it away; ``settings`` is the whole map."""

    name: str | None = None
    tier: Tier | None = None
    contact_email: str | None = None
    settings: Settings | None = None
    desired_state: DesiredState | None = None


class Asked(BaseModel):
    """Say what was written. ``after``: for the stream of events, the run before the one that starts; null: none."""

    tenant_id: str
    changed: bool
    requested_by: str | None
    requested_at: str | None
    after: str | None
    etag: str | None


class Removed(Asked):
    """Show an item that was deleted, as it was: put back before the grace period ends, it cancels the removal."""

    item: dict[str, Any]


def asked_by(subject: str) -> dict[str, Any]:
    """Return who asks, and when: what makes every change one that the stream tells."""
    return {"requested_by": subject, "requested_at": clock.now()}


def changes(item: dict[str, Any], wanted: TenantChange) -> dict[str, Any]:
    """Return, of what is wanted, what differs from the item; None: to be taken away."""
    given = wanted.model_dump(exclude_unset=True)
    given = {name: value for name, value in given.items() if value is not None or name == "contact_email"}
    as_it_is = {"desired_state": "active", "tier": "standard", "settings": {}, "contact_email": None} | item
    return {name: value for name, value in given.items() if as_it_is.get(name) != value}


def require_valid(item: dict[str, Any]) -> None:
    """Refuse what the workflow would refuse, before anything is written. Raises Refused (422)."""
    try:
        TenantItem.model_validate({name: value for name, value in item.items() if value is not None})
    except ValidationError as error:
        errors = [{"field": str(each["loc"][0]), "message": _rule(each)} for each in error.errors()]
        raise Refused(Problem(422, "The request breaks a rule.", code="invalid", errors=errors)) from None


def _rule(error: Any) -> str:
    return str(error["ctx"]["error"]) if "error" in error.get("ctx", {}) else str(error["msg"])
