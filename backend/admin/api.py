"""Show operators and viewers on ``admin.<base domain>`` tenants, their history, and their runs as they happen."""

import time
from dataclasses import replace
from typing import Annotated, Any

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import APIRouter, FastAPI, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from backend.admin import changes
from backend.admin.dependencies import Dependencies, Given, TenantId, answer_for_aws, url_of
from backend.admin.events import Looks, Rhythm, stream
from backend.answers import problems
from backend.fields import Limit, Page, Search, page, place_of
from backend.identity import FOR_TOKENS, Viewer
from backend.problems import NOT_FOUND, UNAVAILABLE, Problem, Refused
from control import history as trail
from control import names, tenant_view
from control import progress as runs
from control.history import HistoryEntry
from control.items import Plain
from control.names import NameCheck
from control.progress import EVENTS_OF_A_RUN, Progress
from control.tables import ControlPlane
from control.tenant_view import Effect, TenantRow

_EVENTS_SHOWN = 20
_MOST_WATCHERS = 200

router = APIRouter(prefix="/api", tags=["admin"], responses=FOR_TOKENS)

Cursor = Annotated[str | None, Query(max_length=2000)]


class Me(BaseModel):
    """Say whom the token speaks of."""

    subject: str
    email: str | None
    role: str
    expires_at: float
    base_domain: str


class WholeTenant(TenantRow):
    """Show a tenant with everything that both tables say of it."""

    item: dict[str, Any] | None
    etag: str | None
    record: dict[str, Any] | None
    effects: list[Effect]
    events: list[HistoryEntry]
    progress: Progress


def install(app: FastAPI, tables: ControlPlane, base_domain: str) -> None:
    """Give the application these routes."""
    app.state.dependencies = Dependencies(tables, base_domain, Looks(), Rhythm())
    app.include_router(router)
    app.include_router(changes.router)
    app.add_exception_handler(BotoCoreError, answer_for_aws)
    app.add_exception_handler(ClientError, answer_for_aws)


# --- looking ----------------------------------------------------------------------------------------------------------


@router.get("/me")
async def me(viewer: Viewer, given: Given) -> Me:
    """Return who is signed in, and as what."""
    return Me(
        subject=viewer.subject,
        email=viewer.email,
        role=str(viewer.fluxion_role),
        expires_at=viewer.expires_at,
        base_domain=given.base_domain,
    )


@router.get("/tenants", responses=problems(400, 422))
async def list_tenants(
    request: Request,
    viewer: Viewer,
    given: Given,
    status: Annotated[
        Search | None, Query(description="The status of the tenant, or the state of its operation.")
    ] = None,
    q: Annotated[Search | None, Query(description="A part of the id or the name.")] = None,
    removed: Annotated[bool, Query(description="List those without an item instead. Reads the whole table.")] = False,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Cursor = None,
) -> Page[TenantRow]:
    """List the tenants, by id."""
    (after,) = place_of(cursor, 1)

    def shown(tenant_id: str, item: Plain | None, record: Plain | None) -> TenantRow:
        host = given.host(tenant_id)
        return tenant_view.row(tenant_id, item, record, host, url_of(request, host))

    def find() -> list[TenantRow]:
        items = {item["tenant_id"]: item for item in given.tables.items()}
        records = given.tables.all_records() if removed else {}
        ids = sorted(records.keys() - items.keys() if removed else items.keys())
        found: list[TenantRow] = []
        wanted = [tenant_id for tenant_id in ids if after is None or tenant_id > after]
        for begin in range(0, len(wanted), 100):
            some = wanted[begin : begin + 100]
            known = records or given.tables.records(some)
            rows = [shown(tenant_id, items.get(tenant_id), known.get(tenant_id)) for tenant_id in some]
            found += [each for each in rows if tenant_view.is_meant(each, status, q)]
            if len(found) > limit:
                break
        return found[: limit + 1]

    found = await given.run(find)
    return page(found, limit, [found[:limit][-1].tenant_id] if found else [""])


@router.get("/tenants/{tenant_id}", responses=problems(404, 422))
async def get_tenant(
    request: Request, response: Response, viewer: Viewer, given: Given, tenant_id: TenantId
) -> WholeTenant:
    """Return one tenant: what was asked for, what is, its effects on shared systems, its events, its progress."""
    host = given.host(tenant_id)
    url = url_of(request, host)

    def find() -> WholeTenant:
        item, record = given.tables.item(tenant_id), given.tables.record(tenant_id)
        if item is None and record is None:
            raise Refused(NOT_FOUND)
        values = item.values if item else None
        events = given.tables.below(tenant_id, "EVENT#", EVENTS_OF_A_RUN)
        return WholeTenant(
            **tenant_view.row(tenant_id, values, record, host, url).model_dump(),
            item=values,
            etag=item.etag if item else None,
            record=record,
            effects=[tenant_view.effect(each) for each in given.tables.below(tenant_id, "EFFECT#", 100)],
            events=trail.history(events[:_EVENTS_SHOWN]),
            progress=runs.progress(tenant_id, record, events[::-1], url),
        )

    found = await given.run(find)
    if found.etag:
        response.headers["ETag"] = found.etag
    return found


@router.get("/tenants/{tenant_id}/history", responses=problems(400, 404, 422))
async def history(
    viewer: Viewer,
    given: Given,
    tenant_id: TenantId,
    limit: Annotated[Limit, Query()] = 50,
    cursor: Cursor = None,
) -> Page[HistoryEntry]:
    """Return a tenant's audit trail, newest first: when, which run, what, who asked, what changed. Kept for 30 days."""
    (before,) = place_of(cursor, 1)
    if before is not None and not before.startswith("EVENT#"):
        raise Refused(Problem(400, "The cursor is not one that this list has given.", code="bad_request"))

    def find() -> Page[HistoryEntry]:
        events = given.tables.below(tenant_id, "EVENT#", limit + 1, before)
        if not events and not given.tables.knows(tenant_id):
            raise Refused(NOT_FOUND)
        place = [events[:limit][-1]["sk"]] if events else [""]
        shown, more = trail.history(events[:limit]), trail.history(events[limit:])
        return page([*shown, *more], limit, place)  # sorted within the page: the next one goes on by keys

    return await given.run(find)


@router.get("/names/{tenant_id}", responses=problems(422))
async def check_name(viewer: Viewer, given: Given, tenant_id: TenantId) -> NameCheck:
    """Return whether a new tenant may have this name, and which rule it breaks if not."""
    return await given.run(lambda: names.check(given.tables, tenant_id, given.base_domain))


@router.get(
    "/tenants/{tenant_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}, **problems(404, 422)},
)
async def events(
    request: Request,
    viewer: Viewer,
    given: Given,
    tenant_id: TenantId,
    after: Annotated[str | None, Query(max_length=100, description="Wait for a run after this one.")] = None,
    last_event_id: Annotated[str | None, Header(max_length=100)] = None,
) -> StreamingResponse:
    """Stream the stages of a tenant's run as they happen. Events: ``progress`` and, when it has ended, ``end``."""
    url = url_of(request, given.host(tenant_id))

    def find() -> Progress:
        record = given.tables.record(tenant_id)
        newest = given.tables.below(tenant_id, "EVENT#", EVENTS_OF_A_RUN) if record else []
        return runs.progress(tenant_id, record, newest[::-1], url, after)

    if not await given.run(lambda: given.tables.knows(tenant_id)):
        raise Refused(NOT_FOUND)
    if given.watchers >= _MOST_WATCHERS:
        raise Refused(UNAVAILABLE)

    async def look() -> Progress:
        # The address is part of the key, for it is part of the answer.
        return await given.looks.at((f"{tenant_id}\n{url}", after), lambda: given.run(find))

    # No longer than the token is good: who signs in again may ask again.
    left = max(0.0, viewer.expires_at - time.time())
    rhythm = replace(given.rhythm, longest=min(given.rhythm.longest, left))

    async def told() -> Any:
        given.watchers += 1
        try:
            async for event in stream(look, last_event_id, rhythm):
                yield event
        finally:
            given.watchers -= 1

    return StreamingResponse(told(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
