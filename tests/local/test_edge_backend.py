"""The backend behind the edge's cache: whatever is kept there is kept for its own tenant alone."""

import itertools
import ssl
import threading
import time

import httpx
import pytest
import uvicorn

from backend.app import create_app
from backend.control_plane import ControlPlane as Tables
from backend.settings import BackendSettings
from backend.tokens import Issuer
from local.edge import serve
from local.emulator.state import Settings
from local.oidc.issuer import DevelopmentIssuer
from local.oidc.names import OPERATORS_CLIENT, PREFIX, STAFF_CLIENT
from local.oidc.tokens import Signer, staff
from tenancy.database import TenantDatabases, TenantSeeder
from tenancy.model import Status
from tests.local.control_plane import BASE, ControlPlane, distribution

NAMES = {"granja": "La Granja Mercado", "vecino": "El Vecino"}
HOSTS = {tenant_id: f"{tenant_id}.{BASE}" for tenant_id in NAMES}
ISSUER = f"https://auth.{BASE}{PREFIX}"


class Statuses(dict):
    """What the directory would say."""

    async def status(self, tenant_id):
        return self.get(tenant_id)

    def is_sure(self, tenant_id):
        return True


@pytest.fixture(scope="module")
def signer():
    return Signer(ISSUER)


@pytest.fixture(scope="module")
def statuses():
    return Statuses(dict.fromkeys(NAMES, Status.ACTIVE))


@pytest.fixture(scope="module")
def backend_url(tmp_path_factory, signer, statuses):
    folder = tmp_path_factory.mktemp("behind-the-edge")
    (folder / "tenants").mkdir()
    seeder = TenantSeeder(folder / "tenants", folder / "scratch")
    for tenant_id, name in NAMES.items():
        settings = {"motto": f"only {tenant_id}"}
        seeder.seed(
            {"tenant_id": tenant_id, "name": name, "tier": "basic", "contact_email": None, "settings": settings}, 1
        )
    settings = BackendSettings(
        tenants_table="tenants",
        provisioning_table="provisioning",
        tenants_directory=folder / "tenants",
        base_domain=BASE,
        oidc_issuer=ISSUER,
        oidc_operators_client=OPERATORS_CLIENT,
        oidc_staff_client=STAFF_CLIENT,
        probe_secret="none",
    )
    app = create_app(
        settings,
        directory=statuses,
        databases=TenantDatabases(folder / "tenants"),
        issuer=Issuer(ISSUER, transport=httpx.ASGITransport(app=DevelopmentIssuer(signer, BASE).app)),
        control_plane=Tables(settings, client=object()),
    )
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 10
    while not server.started:
        assert time.monotonic() < until
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def control_plane():
    return ControlPlane(views=[distribution("E1", BASE, f"*.{BASE}")])


@pytest.fixture
def visit(tmp_path, control_plane, backend_url, statuses):
    """An edge whose cache is empty. Both tenants are live."""
    statuses.update(dict.fromkeys(NAMES, Status.ACTIVE))
    edge = serve(Settings(state_dir=tmp_path, backend=backend_url, base_domain=BASE), control_plane)
    context = ssl.create_default_context(cafile=str(edge.ca))
    with httpx.Client(base_url=f"https://127.0.0.1:{edge.port}", verify=context, trust_env=False) as client:

        def visit(host, path="/api/tenant", token=None, **headers):
            headers = {"Host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
            if token:
                headers["Authorization"] = f"Bearer {token}"
            return client.get(path, headers=headers)

        yield visit
    edge.close()


PUBLIC = ("/api/tenant", "/api/products?limit=3", "/api/products/lulo")
PRIVATE = ("/api/products?view=all", "/api/orders", "/api/customers")


def spellings(host):
    return (host, host.upper(), f"{host}:8443", f"{host}.")


@pytest.mark.parametrize("order", list(itertools.permutations(NAMES)))
def test_the_cache_never_shows_one_tenant_what_was_kept_for_the_other(visit, signer, order):
    tokens = {tenant_id: signer.mint(staff(tenant_id, BASE)[0]) for tenant_id in NAMES}
    hits = 0
    for _ in range(2):
        for tenant_id in order:
            (other,) = NAMES.keys() - {tenant_id}
            misleading = {"X_Forwarded_Host": HOSTS[other], "X_Tenant_Id": other, "Forwarded": f"host={HOSTS[other]}"}
            for host in spellings(HOSTS[tenant_id]):
                for path, token, headers in itertools.product(PUBLIC, (None, *tokens.values()), ({}, misleading)):
                    response = visit(host, path, token, **headers)
                    assert response.status_code == 200
                    assert other not in response.text
                    hits += response.headers["x-cache"] == "Hit from cloudfront"
                    if path == "/api/tenant":
                        assert response.json()["name"] == NAMES[tenant_id]
                for path in PRIVATE:
                    assert visit(host, path, tokens[tenant_id]).status_code == 200
                    assert visit(host, path, tokens[other]).status_code == 403
                    assert visit(host, path).status_code == 401
    assert hits > 100, "or else the cache was not asked"


def test_what_a_token_opens_is_never_kept(visit, signer):
    token = signer.mint(staff("granja", BASE)[0])
    for path in PRIVATE:
        for _ in range(2):
            response = visit(HOSTS["granja"], path, token)
            assert (response.status_code, response.headers["x-cache"]) == (200, "Miss from cloudfront")
        assert visit(HOSTS["granja"], path).status_code == 401


def test_a_tenants_tag_forgets_that_tenant_alone(visit, control_plane):
    for tenant_id, path in itertools.product(NAMES, PUBLIC):
        visit(HOSTS[tenant_id], path)
    control_plane.invalidate("E1", "#tenant:granja")
    for path in PUBLIC:
        assert visit(HOSTS["granja"], path).headers["x-cache"] == "Miss from cloudfront"
        assert visit(HOSTS["vecino"], path).headers["x-cache"] == "Hit from cloudfront"


def test_errors_are_not_kept(visit, statuses):
    host = HOSTS["granja"]
    statuses["granja"] = Status.PENDING
    assert visit(host).status_code == 404
    statuses["granja"] = Status.SUSPENDED
    assert visit(host).json()["code"] == "suspended"
    statuses["granja"] = Status.ACTIVE
    assert visit(host).status_code == 200
    assert visit(host, "/api/products/none").status_code == 404
