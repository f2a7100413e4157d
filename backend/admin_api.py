"""What operators ask on ``admin.<base domain>``: to see tenants, and to have them created, changed and removed.

Everything is asked for by writing tenants items, as a person at a terminal would; the workflow does the rest.
"""

import logging
import time
from collections.abc import Callable
from typing import Annotated, Any

import anyio.to_thread
from anyio import CapacityLimiter
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import APIRouter, FastAPI, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from backend import admin_events, asking, names, tenant_view
from backend.answers import problems
from backend.asking import Asked, NewTenant, Removed, TenantChange
from backend.control_plane import ControlPlane, Plain, etag_of, plain
from backend.fields import Limit, Page, Search, page, place_of
from backend.identity import FOR_TOKENS, Operator, Viewer
from backend.names import NameCheck
from backend.problems import NOT_FOUND, UNAVAILABLE, Problem, Refused, conflict
from backend.tenant_view import Effect, HistoryEntry, Progress, TenantRow
from tenancy import hostnames

logger = logging.getLogger(__name__)

_EVENTS_SHOWN = 20
_EVENTS_OF_A_RUN = 40  # more than one run of any state machine has
_LONGEST_ID = 255
_THREADS = 16
_MOST_WATCHERS = 200

router = APIRouter(prefix="/api", tags=["admin"], responses=FOR_TOKENS)

TenantId = Annotated[str, Path(max_length=_LONGEST_ID)]
Cursor = Annotated[str | None, Query(max_length=2000)]


class Me(BaseModel):
    """Whom the token speaks of."""

    subject: str
    email: str | None
    role: str
    expires_at: float
    base_domain: str


class WholeTenant(TenantRow):
    """A tenant with everything that both tables say of it."""

    item: dict[str, Any] | None
    etag: str | None
    record: dict[str, Any] | None
    effects: list[Effect]
    events: list[HistoryEntry]
    progress: Progress


class Desk:
    """What the routes share: the tables, threads to ask them in, and how many watch. For one event loop."""

    def __init__(self, control_plane: ControlPlane, rhythm: admin_events.Rhythm | None = None) -> None:
        self.tables = control_plane
        self.looks = admin_events.Looks()
        self.rhythm = rhythm or admin_events.Rhythm()
        self.watchers = 0
        self._threads = CapacityLimiter(_THREADS)

    async def run[Result](self, question: Callable[[], Result]) -> Result:
        """The answer to a question that blocks."""
        return await anyio.to_thread.run_sync(question, limiter=self._threads)

    def host(self, tenant_id: str) -> str:
        """The tenant's host."""
        return hostnames.host_of(tenant_id, self.tables.base_domain)


def install(app: FastAPI, control_plane: ControlPlane, rhythm: admin_events.Rhythm | None = None) -> None:
    """Gives the application these routes."""
    app.state.desk = Desk(control_plane, rhythm)
    app.include_router(router)
    app.add_exception_handler(BotoCoreError, _for_aws)
    app.add_exception_handler(ClientError, _for_aws)


async def _for_aws(request: Request, error: Exception) -> Response:
    logger.error("DynamoDB: %s", error)
    return UNAVAILABLE.response()


def _desk(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def _url(request: Request, host: str) -> str:
    """Where visitors find a host: the local edge has a port of its own, which the request has come through, too."""
    _, colon, port = request.headers.get("host", "").partition(":")
    return f"https://{host}{colon}{port}/" if port.isdecimal() and port != "443" else f"https://{host}/"


# --- looking ----------------------------------------------------------------------------------------------------------


@router.get("/me")
async def me(request: Request, viewer: Viewer) -> Me:
    """Who is signed in, and as what."""
    return Me(
        subject=viewer.subject,
        email=viewer.email,
        role=str(viewer.fluxion_role),
        expires_at=viewer.expires_at,
        base_domain=_desk(request).tables.base_domain,
    )


@router.get("/tenants", responses=problems(400, 422))
async def list_tenants(
    request: Request,
    viewer: Viewer,
    status: Annotated[Search | None, Query(description="Of the tenant, or the state of its operation.")] = None,
    q: Annotated[Search | None, Query(description="Part of id or name.")] = None,
    removed: Annotated[bool, Query(description="Those without an item instead. Reads the whole table.")] = False,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Cursor = None,
) -> Page[TenantRow]:
    """Tenants, by id."""
    desk = _desk(request)
    (after,) = place_of(cursor, 1)

    def shown(tenant_id: str, item: Plain | None, record: Plain | None) -> TenantRow:
        host = desk.host(tenant_id)
        return tenant_view.row(tenant_id, item, record, host, _url(request, host))

    def find() -> list[TenantRow]:
        items = {item["tenant_id"]: item for item in desk.tables.items()}
        records = desk.tables.all_records() if removed else {}
        ids = sorted(records.keys() - items.keys() if removed else items.keys())
        found: list[TenantRow] = []
        wanted = [tenant_id for tenant_id in ids if after is None or tenant_id > after]
        for begin in range(0, len(wanted), 100):
            some = wanted[begin : begin + 100]
            known = records or desk.tables.records(some)
            rows = [shown(tenant_id, items.get(tenant_id), known.get(tenant_id)) for tenant_id in some]
            found += [each for each in rows if tenant_view.is_meant(each, status, q)]
            if len(found) > limit:
                break
        return found[: limit + 1]

    found = await desk.run(find)
    return page(found, limit, [found[:limit][-1].tenant_id] if found else [""])


@router.get("/tenants/{tenant_id}", responses=problems(404, 422))
async def get_tenant(request: Request, response: Response, viewer: Viewer, tenant_id: TenantId) -> WholeTenant:
    """One tenant: what was asked for, what is, its effects on shared systems, its latest events, its progress."""
    desk = _desk(request)
    host = desk.host(tenant_id)
    url = _url(request, host)

    def find() -> WholeTenant:
        raw, record = desk.tables.item(tenant_id), desk.tables.record(tenant_id)
        if raw is None and record is None:
            raise Refused(NOT_FOUND)
        item = plain(raw) if raw is not None else None
        events = desk.tables.below(tenant_id, "EVENT#", _EVENTS_OF_A_RUN)
        return WholeTenant(
            **tenant_view.row(tenant_id, item, record, host, url).model_dump(),
            item=item,
            etag=etag_of(raw) if raw is not None else None,
            record=record,
            effects=[tenant_view.effect(each) for each in desk.tables.below(tenant_id, "EFFECT#", 100)],
            events=[tenant_view.history_entry(each) for each in events[:_EVENTS_SHOWN]],
            progress=tenant_view.progress(tenant_id, record, events[::-1], url),
        )

    found = await desk.run(find)
    if found.etag:
        response.headers["ETag"] = found.etag
    return found


@router.get("/tenants/{tenant_id}/history", responses=problems(400, 404, 422))
async def history(
    request: Request,
    viewer: Viewer,
    tenant_id: TenantId,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Cursor = None,
) -> Page[HistoryEntry]:
    """A tenant's audit trail, newest first: when, which run, what, who asked, what changed. Kept for 30 days."""
    tables = _desk(request).tables
    (before,) = place_of(cursor, 1)
    if before is not None and not before.startswith("EVENT#"):
        raise Refused(Problem(400, "The cursor is not one that this list has given.", code="bad_request"))

    def find() -> Page[HistoryEntry]:
        events = tables.below(tenant_id, "EVENT#", limit + 1, before)
        if not events and tables.record(tenant_id) is None and tables.item(tenant_id) is None:
            raise Refused(NOT_FOUND)
        place = [events[:limit][-1]["sk"]] if events else [""]
        return page([tenant_view.history_entry(each) for each in events], limit, place)

    return await _desk(request).run(find)


@router.get("/names/{tenant_id}", responses=problems(422))
async def check_name(request: Request, viewer: Viewer, tenant_id: TenantId) -> NameCheck:
    """Whether a new tenant may have this name, and which rule it breaks if not."""
    desk = _desk(request)
    return await desk.run(lambda: _name_check(desk, tenant_id))


def _name_check(desk: Desk, tenant_id: str) -> NameCheck:
    check = names.by_the_rules(tenant_id, desk.host(tenant_id))
    if not check.ok:
        return check
    claim = desk.tables.claim(hostnames.skeleton(tenant_id))
    return names.among_others(check, claim, has_item=desk.tables.item(tenant_id) is not None)


@router.get(
    "/tenants/{tenant_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}, **problems(404, 422)},
)
async def events(
    request: Request,
    viewer: Viewer,
    tenant_id: TenantId,
    after: Annotated[str | None, Query(max_length=100, description="Wait for a run after this one.")] = None,
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> StreamingResponse:
    """The stages of a tenant's run as they happen, until it has ended. Events: ``progress``, and at last ``end``."""
    desk = _desk(request)
    url = _url(request, desk.host(tenant_id))

    def find() -> Progress:
        record = desk.tables.record(tenant_id)
        newest = desk.tables.below(tenant_id, "EVENT#", _EVENTS_OF_A_RUN) if record else []
        return tenant_view.progress(tenant_id, record, newest[::-1], url, after)

    def is_there() -> bool:
        return desk.tables.record(tenant_id) is not None or desk.tables.item(tenant_id) is not None

    if not await desk.run(is_there):
        raise Refused(NOT_FOUND)
    if desk.watchers >= _MOST_WATCHERS:
        raise Refused(UNAVAILABLE)

    async def look() -> Progress:
        # The address is part of the key, for it is part of the answer.
        return await desk.looks.at((f"{tenant_id}\n{url}", after), lambda: desk.run(find))

    # No longer than the token is good: who signs in again may ask again.
    left = max(0.0, viewer.expires_at - time.time())
    rhythm = admin_events.Rhythm(desk.rhythm.look, desk.rhythm.beat, min(desk.rhythm.longest, left))

    async def told() -> Any:
        desk.watchers += 1
        try:
            async for event in admin_events.stream(look, last_event_id, rhythm):
                yield event
        finally:
            desk.watchers -= 1

    return StreamingResponse(told(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


# --- asking -----------------------------------------------------------------------------------------------------------


@router.post("/tenants", status_code=201, responses=problems(400, 409, 422))
async def create_tenant(request: Request, response: Response, operator: Operator, wanted: NewTenant) -> Asked:
    """Ask for a new tenant. An existing item is never overwritten."""
    desk = _desk(request)
    given = wanted.model_dump(exclude_none=True)
    asking.checked(given)
    item = given | asking.asked_by(operator.subject)

    def write() -> Asked:
        check = _name_check(desk, wanted.tenant_id)
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
    if_match: Annotated[str | None, Header(max_length=200, description="The tenant's ETag, as it was read.")] = None,
) -> Asked:
    """Ask for a change. Refused where anything of the item has changed since it was read."""
    if if_match is None:
        raise Refused(Problem(428, "Say in If-Match what was read.", code="if_match_required"))
    desk = _desk(request)

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
    desk = _desk(request)
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
        str | None, Header(alias="Fluxion-Confirm", max_length=_LONGEST_ID, description="The tenant's id, once more.")
    ] = None,
) -> Removed:
    """Delete a tenant's item. The site stays up for the grace period; putting the item back cancels."""
    if confirm != tenant_id:
        raise Refused(Problem(428, "Say the tenant's id once more in Fluxion-Confirm.", code="confirmation_required"))
    desk = _desk(request)

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
    desk = _desk(request)

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
