"""Build the backend, which answers tenants' sites and the admin panel.

Three applications, told apart by the Host header alone: a tenant's (``<tenant>.<base domain>``), the operators'
(``admin.``) and the one that only describes the other two (``api.``).

Run it with ``uvicorn --factory backend.app:from_environment``. uvicorn must parse with h11, as it does unless httptools
is installed: httptools drops the host of a whole URI in the request line, and the tenant middleware would not see it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import boto3
from botocore.config import Config
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.types import ASGIApp

from backend import answers, identity
from backend.admin import api as admin_api
from backend.directory import TenantDirectory
from backend.hosts import ADMIN, API
from backend.origin_guard import OriginGuard, OriginSecrets
from backend.probe_secret import ProbeSecret
from backend.problems import NOT_FOUND, Refused
from backend.settings import BackendSettings, OriginSettings
from backend.tenant import api as tenant_api
from backend.tenant.repository import Tenants
from backend.tenant.workers import Workers
from backend.tenant_middleware import HEALTH_PATH, TenantMiddleware
from backend.tokens import Issuer
from control.tables import ControlPlane
from tenancy.database import TenantDatabases

OPENAPI_PATH = "/api/openapi.json"

# A person waits for the answer.
_PATIENCE = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5)


class Health(BaseModel):
    """Say that the process answers."""

    status: str


class About(BaseModel):
    """Say where the documents are, by kind of host."""

    name: str
    openapi: dict[str, str]


def create_app(
    settings: BackendSettings,
    *,
    directory: TenantDirectory | None = None,
    databases: TenantDatabases | None = None,
    probe_secret: ProbeSecret | None = None,
    issuer: Issuer | None = None,
    control_plane: ControlPlane | None = None,
) -> FastAPI:
    """Return the application. What is not given is made from the settings."""
    databases = databases or TenantDatabases(settings.tenants_directory)
    issuer = issuer or Issuer(
        settings.oidc_issuer, settings.oidc_discovery_url, claim_prefix=settings.oidc_claim_prefix
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        databases.close()

    app = _application("Fluxion tenant API", openapi_url=OPENAPI_PATH, lifespan=lifespan)
    app.state.tenants = Tenants(databases)
    app.state.workers = Workers()
    _give_identity(app, issuer, settings.oidc_staff_client, settings.oidc_scope)
    app.include_router(tenant_api.router)
    app.add_api_route(HEALTH_PATH, healthz, methods=["GET"], tags=["health"])

    admin = _application("Fluxion admin API", openapi_url=OPENAPI_PATH)
    _give_identity(admin, issuer, settings.oidc_operators_client, settings.oidc_scope)
    admin_api.install(admin, control_plane or _control_plane(settings), settings.base_domain)

    app.add_middleware(
        TenantMiddleware,
        base_domain=settings.base_domain,
        directory=directory or TenantDirectory(settings.provisioning_table),
        probe_secret=probe_secret or ProbeSecret(settings),
        platform={ADMIN: admin, API: _describing(app, admin)},
    )
    return app


def from_environment() -> ASGIApp:
    """Return the application as its environment variables say, for the distribution's requests alone.

    Ends the process with one sentence if they say too little.
    """
    guard = OriginSecrets(OriginSettings.from_environment())
    return OriginGuard(create_app(BackendSettings.from_environment()), guard)


async def healthz() -> Health:
    """Answer that the process runs. DynamoDB and the file system are left out: a restart would not help them."""
    return Health(status="ok")


def _control_plane(settings: BackendSettings) -> ControlPlane:
    client = boto3.client("dynamodb", config=_PATIENCE)
    return ControlPlane(settings.tenants_table, settings.provisioning_table, client)


type _Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def _application(title: str, *, openapi_url: str | None, lifespan: _Lifespan | None = None) -> FastAPI:
    """Return an application without the framework's own pages, which load foreign scripts, and without redirects."""
    return FastAPI(
        title=title,
        version="1",
        lifespan=lifespan,
        openapi_url=openapi_url,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )


def _give_identity(app: FastAPI, issuer: Issuer, audience: str, scope: str) -> None:
    app.state.issuer, app.state.audience, app.state.scope = issuer, audience, scope
    app.include_router(identity.router)
    answers.install(app)


def _describing(tenant: FastAPI, admin: FastAPI) -> FastAPI:
    """Return the application of ``api.``, which has no data and gives the others' OpenAPI documents."""
    app = _application("Fluxion", openapi_url=None)
    documents = {"tenant": tenant, "admin": admin}

    @app.get("/api/")
    async def about() -> About:
        return About(name="Fluxion", openapi={kind: f"/api/openapi/{kind}.json" for kind in documents})

    @app.get("/api/openapi/{kind}.json")
    async def document(kind: str) -> dict[str, object]:
        if kind not in documents:
            raise Refused(NOT_FOUND)
        return documents[kind].openapi()

    answers.install(app)
    return app
