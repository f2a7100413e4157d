"""Two tenants, every route, and every way to ask for the other one's data: own data answers, and nothing else does."""

import json

import pytest

from tenancy import database
from tests.unit.backend import matrix
from tests.unit.backend.conftest import NAMES
from tests.unit.backend.matrix import PUBLIC, READS, ROUTES, asked

pytestmark = pytest.mark.slow

BASE = "fluxionia.example"
OWN, OTHER = "granja", "vecino"
HOSTS = {tenant_id: f"{tenant_id}.{BASE}" for tenant_id in (OWN, OTHER)}
BOTH_WAYS = [(OWN, OTHER), (OTHER, OWN)]


@pytest.fixture
def tenants(market, token):
    return {
        tenant_id: matrix.settled(market.ask, tenant_id, NAMES[tenant_id], host, token("staff", tenant_id))
        for tenant_id, host in HOSTS.items()
    }


def send(market, request):
    return market.ask(
        request.target, *request.hosts, method=request.method, json=request.json, token=request.token,
        headers=list(request.headers),
    )  # fmt: skip


def text_of(response):
    return f"{response.text} {dict(response.headers)}"


def rows_of(directory, tenant_id):
    """Everything in a tenant's database."""
    with database.open(directory, tenant_id, "read") as connection:
        tables = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in tables}  # noqa: S608


def test_every_route_that_there_is_is_in_the_matrix(market):
    assert matrix.untried(market.app) == set()
    paths = market.ask("/api/openapi.json", HOSTS[OWN]).json()["paths"]
    documented = {(method.upper(), path) for path, routes in paths.items() for method in routes}
    assert documented == matrix.routes_of(market.app), "and the document has them all"


@pytest.mark.parametrize(("own", "other"), BOTH_WAYS)
def test_own_data_answers_however_the_own_host_is_written(market, tenants, own, other):
    """And whatever other headers say: they are not looked at."""
    for route in ROUTES:
        for request in matrix.own(route, tenants[own], tenants[other]):
            response = send(market, request)
            assert response.status_code in (200, 201), request
            assert not tenants[other].is_in(text_of(response)), request
            assert route not in READS or tenants[own].is_in(text_of(response)), request


@pytest.mark.parametrize(("own", "other"), BOTH_WAYS)
def test_nothing_of_another_tenant_is_to_be_had_or_changed(market, tenants, tmp_path, own, other):
    before = rows_of(tmp_path / "tenants", other)
    for route in ROUTES:
        for what, request, statuses in matrix.foreign(route, tenants[own], tenants[other]):
            response = send(market, request)
            assert response.status_code in statuses, (what, request)
            assert not tenants[other].is_in(text_of(response)), (what, request)
            if response.status_code == 403 and request.token:
                assert response.json()["code"] == "token_foreign", (what, request)
        assert rows_of(tmp_path / "tenants", other) == before, route


def test_no_route_of_the_operators_is_on_a_tenants_host(market, tenants, token):
    paths = market.ask("/api/openapi.json", f"admin.{BASE}").json()["paths"]
    documented = {(method.upper(), path) for path, routes in paths.items() for method in routes}
    for method, path in documented - matrix.WITHOUT_DATA:
        for bearer in (tenants[OWN].token, token("operator")):
            response = market.ask(path.format(tenant_id=OTHER), HOSTS[OWN], method=method, token=bearer)
            assert response.status_code == 404, (method, path)


def test_an_answer_to_a_token_is_never_kept_and_no_private_route_ever_is(market, tenants):
    own = tenants[OWN]
    for route in ROUTES:
        with_token = send(market, asked(route, own.ids, own.host, token=own.token))
        without = send(market, asked(route, own.ids, own.host))
        kept = route in PUBLIC and route[0] == "GET"
        assert with_token.headers["cache-control"] == "no-store"
        assert without.headers["cache-control"].startswith("public") == kept, route
        assert ("cache-tag" in without.headers) == kept
        assert "cache-tag" not in with_token.headers


def test_a_cursor_of_one_tenant_leads_to_no_row_of_another(market, tenants):
    for path in ("/api/products", "/api/orders", "/api/customers"):
        for host in HOSTS.values():
            another = {"customer": {"name": "B", "phone": "300"}, "lines": [{"product_id": "lulo", "quantity": 1}]}
            market.ask("/api/orders", host, method="POST", json=another)
        cursor = market.ask(f"{path}?limit=1", HOSTS[OTHER], token=tenants[OTHER].token).json()["next"]
        response = market.ask(f"{path}?cursor={cursor}", HOSTS[OWN], token=tenants[OWN].token)
        assert response.status_code == 200
        assert not tenants[OTHER].is_in(text_of(response))


def test_the_engine_itself_refuses_a_row_of_another_tenant(market, tenants, tmp_path):
    import duckdb

    with (
        database.open(tmp_path / "tenants", OWN, "write") as connection,
        pytest.raises(duckdb.ConstraintException, match="CHECK"),
    ):
        connection.execute("UPDATE settings SET tenant_id = 'vecino'")
    assert json.dumps(rows_of(tmp_path / "tenants", OWN), default=str).count(OTHER) == 0
