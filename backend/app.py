"""The backend: what a tenant's site asks for, from the tenant's own database.

Run it with ``uvicorn --factory backend.app:from_environment``. uvicorn must parse with h11, as it does unless httptools
is installed: httptools drops the host of a whole URI in the request line, and the tenant middleware would not see it.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from starlette.exceptions import HTTPException

from backend.directory import TenantDirectory
from backend.probe_secret import ProbeSecret
from backend.problems import NOT_FOUND, UNAVAILABLE, Problem
from backend.repository import TenantSite, reading
from backend.settings import BackendSettings
from backend.tenant_middleware import TenantMiddleware, Visit
from backend.workers import Workers
from tenancy.database import TenantDatabases
from tenancy.errors import TenancyError, TransientError

logger = logging.getLogger(__name__)

# The edge keeps it until the tenant's tag is invalidated, browsers ask each time.
_PUBLIC = "public, max-age=0, s-maxage=300"

router = APIRouter()


def _visit(request: Request) -> Visit:
    visit: Visit = request.state.visit
    return visit


TheVisit = Annotated[Visit, Depends(_visit)]


@router.api_route("/healthz", methods=["GET", "HEAD"])
async def healthz() -> dict[str, str]:
    """The process answers. Says nothing about DynamoDB or the file system: a restart would not help them."""
    return {"status": "ok"}


@router.api_route("/api/tenant", methods=["GET", "HEAD"])
async def tenant(request: Request, response: Response, visit: TheVisit) -> TenantSite:
    """The tenant that this host belongs to."""
    databases: TenantDatabases = request.app.state.databases
    workers: Workers = request.app.state.workers

    def read() -> TenantSite:
        with reading(databases, visit.tenant_id) as repository:
            return repository.site()

    site = await workers.run(visit.tenant_id, read)
    response.headers["Cache-Control"] = _PUBLIC
    response.headers["Cache-Tag"] = f"tenant:{visit.tenant_id}"
    return site


def create_app(
    settings: BackendSettings,
    *,
    directory: TenantDirectory | None = None,
    databases: TenantDatabases | None = None,
    probe_secret: ProbeSecret | None = None,
) -> FastAPI:
    """The application. What is not given is made from the settings."""
    databases = databases or TenantDatabases(settings.tenants_directory)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        databases.close()

    app = FastAPI(
        title="Fluxion tenant API", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.state.databases = databases
    app.state.workers = Workers()
    app.include_router(router)
    app.add_middleware(
        TenantMiddleware,
        base_domain=settings.base_domain,
        directory=directory or TenantDirectory(settings.provisioning_table),
        probe_secret=probe_secret or ProbeSecret(settings),
    )
    app.add_exception_handler(TransientError, _for_transient)
    app.add_exception_handler(HTTPException, _for_http)
    app.add_exception_handler(Exception, _for_any)
    return app


def from_environment() -> FastAPI:
    """The application as its environment variables say. Ends the process with one sentence if they say too little."""
    return create_app(BackendSettings.from_environment())


async def _for_transient(request: Request, error: Exception) -> Response:
    # The cause is for the log: its words name files and locks, which are no visitor's business.
    logger.warning("%s: %s", type(error).__name__, error)
    return UNAVAILABLE.response()


async def _for_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    response = NOT_FOUND.response() if status == 404 else Problem(status).response()
    if isinstance(error, HTTPException):
        response.headers.update(error.headers or {})
    return response


async def _for_any(request: Request, error: Exception) -> Response:
    if isinstance(error, TenancyError):
        logger.error("%s: %s", type(error).__name__, error)
    return Problem(500).response()
