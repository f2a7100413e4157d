"""The backend as a server on a socket, and behind the edge's cache: whatever comes from there, and whatever is kept, is
for its own tenant alone. Requests go as bytes, since no client library sends two hosts, or a whole URI.
"""

import itertools
import ssl
import threading
import time
from collections import Counter

import httpx
import pytest
import uvicorn

from backend.app import create_app
from backend.settings import BackendSettings
from backend.tokens import Issuer
from control.tables import ControlPlane as Tables
from local.oidc.issuer import DevelopmentIssuer
from local.oidc.names import OPERATORS_CLIENT, PREFIX, STAFF_CLIENT
from local.oidc.tokens import Signer, staff
from local_aws.edge import serve
from local_aws.settings import Settings
from local_aws.tests.control_plane import BASE, ControlPlane, distribution
from tenancy.database import TenantDatabases, TenantSeeder
from tenancy.domain.record import Status
from tests.unit.backend import matrix

NAMES = {"colmena": "La Colmena Mercado", "vecino": "El Vecino"}  # in no sample product's name
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
        control_plane=Tables(settings.tenants_table, settings.provisioning_table, object()),
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
def edge(tmp_path, control_plane, backend_url, statuses):
    """With an empty cache. Both tenants are live."""
    statuses.update(dict.fromkeys(NAMES, Status.ACTIVE))
    running = serve(Settings(state_dir=tmp_path, origins={f"origin.{BASE}": backend_url}), control_plane)
    yield running
    running.close()


@pytest.fixture
def viewer(edge):
    context = ssl.create_default_context(cafile=str(edge.ca))
    with httpx.Client(base_url=f"https://127.0.0.1:{edge.port}", verify=context, trust_env=False) as client:
        yield client


@pytest.fixture
def visit(viewer):
    def visit(host, path="/api/tenant", token=None):
        return viewer.get(path, headers={"Host": host} | ({"Authorization": f"Bearer {token}"} if token else {}))

    return visit


PUBLIC = ("/api/tenant", "/api/products?limit=3", "/api/products/lulo")
PRIVATE = ("/api/products?view=all", "/api/orders", "/api/customers")


@pytest.fixture(scope="module")
def tenants(backend_url, signer):
    """Each with something that the other one has not."""
    with httpx.Client(base_url=backend_url, trust_env=False) as client:

        def ask(path, host, method="GET", json=None, token=None):
            headers = {"Host": host} | ({"Authorization": f"Bearer {token}"} if token else {})
            return client.request(method, path, json=json, headers=headers)

        return {
            tenant_id: matrix.settled(ask, tenant_id, name, HOSTS[tenant_id], signer.mint(staff(tenant_id, BASE)[0]))
            for tenant_id, name in NAMES.items()
        }


BOTH_WAYS = list(itertools.permutations(NAMES))


@pytest.mark.parametrize(("own", "other"), BOTH_WAYS)
def test_a_server_on_a_socket_shows_nobody_what_is_the_others(backend_url, tenants, own, other):
    url = httpx.URL(backend_url)
    own, other = tenants[own], tenants[other]
    with httpx.Client(base_url=url, trust_env=False) as client:
        matrix.own_is_shown(client, own, other, matrix.ROUTES)
    matrix.foreign_is_not_shown((url.host, url.port), own, other)


@pytest.mark.parametrize("order", BOTH_WAYS)
def test_the_edge_shows_nobody_what_is_the_others_or_was_kept_for_the_other(edge, viewer, tenants, order):
    """Both fill the cache, in either order; then each deviation is tried; then both ask for their own again."""
    kept = Counter()
    pairs = [(tenants[own], tenants[other]) for own, other in (order, reversed(order))]
    for own, other in pairs:
        kept += matrix.own_is_shown(viewer, own, other, matrix.KEPT)
    tls = ssl.create_default_context(cafile=str(edge.ca))
    for own, other in pairs:
        matrix.foreign_is_not_shown(("127.0.0.1", edge.port), own, other, tls)
    for own, other in pairs:
        kept += matrix.own_is_shown(viewer, own, other)
    for route in matrix.READS:
        hits = kept[route, "Hit from cloudfront"]
        assert hits > 20 if route in matrix.KEPT else hits == 0, (route, hits)


def test_what_a_token_opens_is_never_kept(visit, signer):
    token = signer.mint(staff("colmena", BASE)[0])
    for path in PRIVATE:
        for _ in range(2):
            response = visit(HOSTS["colmena"], path, token)
            assert (response.status_code, response.headers["x-cache"]) == (200, "Miss from cloudfront")
        assert visit(HOSTS["colmena"], path).status_code == 401


def test_a_tenants_tag_forgets_that_tenant_alone(visit, control_plane):
    for tenant_id, path in itertools.product(NAMES, PUBLIC):
        visit(HOSTS[tenant_id], path)
    control_plane.invalidate("E1", "#tenant:colmena")
    for path in PUBLIC:
        assert visit(HOSTS["colmena"], path).headers["x-cache"] == "Miss from cloudfront"
        assert visit(HOSTS["vecino"], path).headers["x-cache"] == "Hit from cloudfront"


def test_errors_are_not_kept(visit, statuses):
    host = HOSTS["colmena"]
    statuses["colmena"] = Status.PENDING
    assert visit(host).status_code == 404
    statuses["colmena"] = Status.SUSPENDED
    assert visit(host).json()["code"] == "suspended"
    statuses["colmena"] = Status.ACTIVE
    assert visit(host).status_code == 200
    assert visit(host, "/api/products/none").status_code == 404
