"""Let operators ask on ``admin.<base domain>`` that tenants are created, changed, suspended and removed.

Everything is asked for by writing tenants items, as a person at a terminal would; the workflow does the rest.
"""

import logging
from typing import Annotated

from fastapi import APIRouter, Header, Response

from backend.admin import requests
from backend.admin.dependencies import LONGEST_ID, Dependencies, Given, TenantId
from backend.admin.requests import Asked, NewTenant, Removed, TenantChange
from backend.answers import problems
from backend.identity import FOR_TOKENS, Operator
from backend.problems import NOT_FOUND, Problem, Refused, conflict
from control import names
from control.items import Item, Plain
from control.progress import run_of

logger = logging.getLogger(__name__)

# Not If-Match: CloudFront keeps that to itself.
_IF_MATCH = "Fluxion-If-Match"

router = APIRouter(prefix="/api", tags=["admin"], responses=FOR_TOKENS)


@router.post("/tenants", status_code=201, responses=problems(400, 409, 422))
async def create_tenant(response: Response, operator: Operator, given: Given, wanted: NewTenant) -> Asked:
    """Ask for a new tenant. An existing item is never overwritten."""
    values = wanted.model_dump(exclude_none=True)
    requests.require_valid(values)
    values |= requests.asked_by(operator.subject)

    def write() -> Asked:
        check = names.check(given.tables, wanted.tenant_id, given.base_domain)
        if check.code == "looks_taken":
            raise conflict("name_taken", f"{wanted.tenant_id} {check.rule}.")
        before = run_of(given.tables.record(wanted.tenant_id))
        if not given.tables.add(values):
            raise conflict("exists", f"There is a tenant {wanted.tenant_id} already.")
        return _asked(given, wanted.tenant_id, values, before)

    response.headers["Location"] = f"/api/tenants/{wanted.tenant_id}"
    return await given.run(write)


@router.patch("/tenants/{tenant_id}", status_code=202, responses=problems(400, 404, 412, 422, 428))
async def change_tenant(
    operator: Operator,
    given: Given,
    tenant_id: TenantId,
    wanted: TenantChange,
    if_match: Annotated[
        str | None, Header(alias=_IF_MATCH, max_length=200, description="The tenant's etag, as it was read.")
    ] = None,
) -> Asked:
    """Ask for a change. It is refused where anything of the item has changed since it was read."""
    if if_match is None:
        raise Refused(Problem(428, f"Say in {_IF_MATCH} what was read.", code="if_match_required"))

    def write() -> Asked:
        item = given.tables.item(tenant_id)
        if item is None:
            raise Refused(NOT_FOUND)
        if if_match not in (item.etag, "*"):
            raise Refused(_CHANGED)
        changed = requests.changes(item.values, wanted)
        if not changed:
            return _unchanged(item)
        changed |= requests.asked_by(operator.subject)
        requests.require_valid(item.values | changed)
        before = run_of(given.tables.record(tenant_id))
        if not given.tables.change(item, changed):
            raise Refused(_CHANGED)
        return _asked(given, tenant_id, changed, before)

    return await given.run(write)


@router.post("/tenants/{tenant_id}/suspend", status_code=202, responses=problems(404, 409, 422))
async def suspend(operator: Operator, given: Given, tenant_id: TenantId) -> Asked:
    """Ask that a tenant's visitors get 503. Data, records and alias stay."""
    return await _set_state(given, operator.subject, tenant_id, "suspended")


@router.post("/tenants/{tenant_id}/resume", status_code=202, responses=problems(404, 409, 422))
async def resume(operator: Operator, given: Given, tenant_id: TenantId) -> Asked:
    """Ask that a suspended tenant is served again."""
    return await _set_state(given, operator.subject, tenant_id, "active")


@router.post("/tenants/{tenant_id}/retry", status_code=202, responses=problems(404, 422))
async def retry(operator: Operator, given: Given, tenant_id: TenantId) -> Asked:
    """Ask for another run. Changes nothing of the item but who asked, and when."""
    asked = requests.asked_by(operator.subject)

    def write() -> Asked:
        before = run_of(given.tables.record(tenant_id))
        if not given.tables.ask_again(tenant_id, by=asked["requested_by"], at=asked["requested_at"]):
            raise Refused(NOT_FOUND)
        return _asked(given, tenant_id, asked, before)

    return await given.run(write)


@router.delete("/tenants/{tenant_id}", status_code=202, responses=problems(404, 422, 428))
async def remove_tenant(
    operator: Operator,
    given: Given,
    tenant_id: TenantId,
    confirm: Annotated[
        str | None, Header(alias="Fluxion-Confirm", max_length=LONGEST_ID, description="The tenant's id, once more.")
    ] = None,
) -> Removed:
    """Delete a tenant's item. The site stays up for the grace period; putting the item back cancels."""
    if confirm != tenant_id:
        raise Refused(Problem(428, "Say the tenant's id once more in Fluxion-Confirm.", code="confirmation_required"))

    def write() -> Removed:
        before = run_of(given.tables.record(tenant_id))
        item = given.tables.remove(tenant_id)
        if item is None:
            raise Refused(NOT_FOUND)
        asked = requests.asked_by(operator.subject)
        # A deleted item has no room for who deleted it.
        logger.info("The item of %s was deleted by %s", tenant_id, operator.subject)
        return Removed(tenant_id=tenant_id, changed=True, after=before, etag=None, item=item.values, **asked)

    return await given.run(write)


async def _set_state(given: Dependencies, subject: str, tenant_id: str, state: requests.DesiredState) -> Asked:
    def write() -> Asked:
        item = given.tables.item(tenant_id)
        if item is None:
            raise Refused(NOT_FOUND)
        if not requests.changes(item.values, TenantChange(desired_state=state)):
            return _unchanged(item)
        changed = {"desired_state": state, **requests.asked_by(subject)}
        before = run_of(given.tables.record(tenant_id))
        if not given.tables.change(item, changed):
            raise conflict("conflict", "Somebody else has changed the tenant at this moment: look, and ask again.")
        return _asked(given, tenant_id, changed, before)

    return await given.run(write)


_CHANGED = Problem(412, "The tenant has changed since it was read: look, and ask again.", code="changed_meanwhile")


def _asked(given: Dependencies, tenant_id: str, written: Plain, before: str) -> Asked:
    item = given.tables.item(tenant_id)
    return Asked(
        tenant_id=tenant_id,
        changed=True,
        requested_by=written["requested_by"],
        requested_at=written["requested_at"],
        after=before,
        etag=item.etag if item else None,
    )


def _unchanged(item: Item) -> Asked:
    found = item.values
    by, at = found.get("requested_by"), found.get("requested_at")
    return Asked(
        tenant_id=found["tenant_id"], changed=False, requested_by=by, requested_at=at, after=None, etag=item.etag
    )
