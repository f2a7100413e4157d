"""What operators ask for on ``admin.<base domain>``: tenants to be created, changed, suspended and removed.

Everything is asked for by writing tenants items, as a person at a terminal would; the workflow does the rest.
"""

import logging
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response

from backend import asking, tenant_view
from backend.answers import problems
from backend.asking import Asked, NewTenant, Removed, TenantChange
from backend.control_plane import Plain, etag_of, plain
from backend.desk import LONGEST_ID, Desk, TenantId, desk_of
from backend.identity import FOR_TOKENS, Operator
from backend.problems import NOT_FOUND, Problem, Refused, conflict

logger = logging.getLogger(__name__)

# Not If-Match: CloudFront keeps that to itself.
_IF_MATCH = "Fluxion-If-Match"

router = APIRouter(prefix="/api", tags=["admin"], responses=FOR_TOKENS)


@router.post("/tenants", status_code=201, responses=problems(400, 409, 422))
async def create_tenant(request: Request, response: Response, operator: Operator, wanted: NewTenant) -> Asked:
    """Ask for a new tenant. An existing item is never overwritten."""
    desk = desk_of(request)
    given = wanted.model_dump(exclude_none=True)
    asking.checked(given)
    item = given | asking.asked_by(operator.subject)

    def write() -> Asked:
        check = desk.name_check(wanted.tenant_id)
        if check.code == "looks_taken":
            raise conflict("name_taken", f"{wanted.tenant_id} {check.rule}.")
        before = tenant_view.run_of(desk.tables.record(wanted.tenant_id))
        if not desk.tables.add(item):
            raise conflict("exists", f"There is a tenant {wanted.tenant_id} already.")
        return _asked(desk, wanted.tenant_id, item, before)

    response.headers["Location"] = f"/api/tenants/{wanted.tenant_id}"
    return await desk.run(write)


@router.patch("/tenants/{tenant_id}", status_code=202, responses=problems(400, 404, 412, 422, 428))
async def change_tenant(
    request: Request,
    operator: Operator,
    tenant_id: TenantId,
    wanted: TenantChange,
    if_match: Annotated[
        str | None, Header(alias=_IF_MATCH, max_length=200, description="The tenant's etag, as it was read.")
    ] = None,
) -> Asked:
    """Ask for a change. Refused where anything of the item has changed since it was read."""
    if if_match is None:
        raise Refused(Problem(428, f"Say in {_IF_MATCH} what was read.", code="if_match_required"))
    desk = desk_of(request)

    def write() -> Asked:
        raw = desk.tables.item(tenant_id)
        if raw is None:
            raise Refused(NOT_FOUND)
        if if_match not in (etag_of(raw), "*"):
            raise Refused(_CHANGED)
        item = plain(raw)
        changed = asking.changes(item, wanted)
        if not changed:
            return _unchanged(tenant_id, item, etag_of(raw))
        changed |= asking.asked_by(operator.subject)
        asking.checked(item | changed)
        before = tenant_view.run_of(desk.tables.record(tenant_id))
        if not desk.tables.change(raw, changed):
            raise Refused(_CHANGED)
        return _asked(desk, tenant_id, changed, before)

    return await desk.run(write)


@router.post("/tenants/{tenant_id}/suspend", status_code=202, responses=problems(404, 409, 422))
async def suspend(request: Request, operator: Operator, tenant_id: TenantId) -> Asked:
    """Ask that a tenant's visitors get 503. Data, records and alias stay."""
    return await _set_state(request, operator.subject, tenant_id, "suspended")


@router.post("/tenants/{tenant_id}/resume", status_code=202, responses=problems(404, 409, 422))
async def resume(request: Request, operator: Operator, tenant_id: TenantId) -> Asked:
    """Ask that a suspended tenant is served again."""
    return await _set_state(request, operator.subject, tenant_id, "active")


@router.post("/tenants/{tenant_id}/retry", status_code=202, responses=problems(404, 422))
async def retry(request: Request, operator: Operator, tenant_id: TenantId) -> Asked:
    """Ask for another run. Changes nothing of the item but who asked, and when."""
    desk = desk_of(request)
    asked = asking.asked_by(operator.subject)

    def write() -> Asked:
        before = tenant_view.run_of(desk.tables.record(tenant_id))
        if not desk.tables.ask(tenant_id, asked):
            raise Refused(NOT_FOUND)
        return _asked(desk, tenant_id, asked, before)

    return await desk.run(write)


@router.delete("/tenants/{tenant_id}", status_code=202, responses=problems(404, 422, 428))
async def remove_tenant(
    request: Request,
    operator: Operator,
    tenant_id: TenantId,
    confirm: Annotated[
        str | None, Header(alias="Fluxion-Confirm", max_length=LONGEST_ID, description="The tenant's id, once more.")
    ] = None,
) -> Removed:
    """Delete a tenant's item. The site stays up for the grace period; putting the item back cancels."""
    if confirm != tenant_id:
        raise Refused(Problem(428, "Say the tenant's id once more in Fluxion-Confirm.", code="confirmation_required"))
    desk = desk_of(request)

    def write() -> Removed:
        before = tenant_view.run_of(desk.tables.record(tenant_id))
        item = desk.tables.remove(tenant_id)
        if item is None:
            raise Refused(NOT_FOUND)
        asked = asking.asked_by(operator.subject)
        # A deleted item has no room for who deleted it.
        logger.info("The item of %s was deleted by %s", tenant_id, operator.subject)
        return Removed(tenant_id=tenant_id, changed=True, after=before, etag=None, item=plain(item), **asked)

    return await desk.run(write)


async def _set_state(request: Request, subject: str, tenant_id: str, state: asking.DesiredState) -> Asked:
    desk = desk_of(request)

    def write() -> Asked:
        raw = desk.tables.item(tenant_id)
        if raw is None:
            raise Refused(NOT_FOUND)
        item = plain(raw)
        if not asking.changes(item, TenantChange(desired_state=state)):
            return _unchanged(tenant_id, item, etag_of(raw))
        changed = {"desired_state": state, **asking.asked_by(subject)}
        before = tenant_view.run_of(desk.tables.record(tenant_id))
        if not desk.tables.change(raw, changed):
            raise conflict("conflict", "Somebody else has changed the tenant at this moment: look, and ask again.")
        return _asked(desk, tenant_id, changed, before)

    return await desk.run(write)


_CHANGED = Problem(412, "The tenant has changed since it was read: look, and ask again.", code="changed_meanwhile")


def _asked(desk: Desk, tenant_id: str, written: Plain, before: str) -> Asked:
    raw = desk.tables.item(tenant_id)
    return Asked(
        tenant_id=tenant_id,
        changed=True,
        requested_by=written["requested_by"],
        requested_at=written["requested_at"],
        after=before,
        etag=etag_of(raw) if raw else None,
    )


def _unchanged(tenant_id: str, item: Plain, etag: str) -> Asked:
    by, at = item.get("requested_by"), item.get("requested_at")
    return Asked(tenant_id=tenant_id, changed=False, requested_by=by, requested_at=at, after=None, etag=etag)
