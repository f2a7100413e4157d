"""Two tenants, every route, and every way to ask for the other one's data: own data answers, and nothing else does."""

import json

import pytest

from tenancy import database

BASE = "fluxionia.example"
OWN, OTHER = "granja", "vecino"
HOSTS = {tenant_id: f"{tenant_id}.{BASE}" for tenant_id in (OWN, OTHER)}


def order(tenant_id):
    customer = {"name": f"Cliente de {tenant_id}", "email": f"cliente@{tenant_id}-mail.example"}
    return {"customer": customer, "lines": [{"product_id": f"solo-{tenant_id}", "quantity": 1}]}


@pytest.fixture
def ids(market, token):
    """Each tenant with a product, a customer and an order that the other one has not."""
    found = {}
    for tenant_id, host in HOSTS.items():
        staff = token("staff", tenant_id)
        product = {
            "product_id": f"solo-{tenant_id}",
            "name": f"Secreto de {tenant_id}",
            "category": "Zz",
            "unit": "kg",
            "price_cents": 1,
        }
        assert market.ask("/api/products", host, method="POST", json=product, token=staff).status_code == 201
        placed = market.ask("/api/orders", host, method="POST", json=order(tenant_id)).json()
        (customer,) = market.ask("/api/customers", host, token=staff).json()["items"]
        found[tenant_id] = {
            "product_id": f"solo-{tenant_id}",
            "order_id": placed["order_id"],
            "customer_id": customer["customer_id"],
        }
    return found


BODIES = {
    ("POST", "/api/products"): {"name": "Nuevo", "category": "C", "unit": "kg", "price_cents": 1},
    ("PATCH", "/api/products/{product_id}"): {"price_cents": 2},
    ("POST", "/api/orders"): order(OWN),
    ("PATCH", "/api/orders/{order_id}"): {"note": "n"},
    ("POST", "/api/customers"): {"name": "Nueva"},
    ("PATCH", "/api/customers/{customer_id}"): {"phone": "300 1"},
}
READS = (
    "/api/tenant", "/api/products", "/api/products?view=all", "/api/products/{product_id}",
    "/api/products/{product_id}?view=all", "/api/orders", "/api/orders/{order_id}", "/api/customers",
    "/api/customers/{customer_id}",
)  # fmt: skip
ROUTES = [("GET", path) for path in READS] + list(BODIES)
PUBLIC = {
    ("GET", "/api/tenant"), ("GET", "/api/products"), ("GET", "/api/products/{product_id}"), ("POST", "/api/orders"),
}  # fmt: skip


def test_every_route_of_the_document_is_in_the_matrix(market):
    paths = market.ask("/api/openapi.json", HOSTS[OWN]).json()["paths"]
    documented = {(method.upper(), path) for path, routes in paths.items() for method in routes}
    without_data = {("GET", "/healthz"), ("GET", "/api/auth"), ("POST", "/api/auth/token")}
    assert documented - without_data == {(method, path.partition("?")[0]) for method, path in ROUTES}


def ask(market, route, ids, *hosts, token=None, headers=(), prefix=""):
    method, path = route
    return market.ask(
        prefix + path.format(**ids), *(hosts or (HOSTS[OWN],)), method=method, json=BODIES.get(route), token=token,
        headers=list(headers),
    )  # fmt: skip


def of_the_other(response, ids):
    """Whether an answer has anything of the other tenant in it."""
    text = f"{response.text} {dict(response.headers)}".lower()
    return OTHER in text or any(value in text for name, value in ids[OTHER].items() if name != "product_id")


def rows_of(directory, tenant_id):
    """Everything in a tenant's database."""
    with database.open(directory, tenant_id, "read") as connection:
        tables = [row[0] for row in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()]
        return {table: connection.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall() for table in tables}  # noqa: S608


@pytest.mark.parametrize("route", ROUTES)
def test_own_data_answers_however_the_own_host_is_written(market, ids, token, route):
    """And whatever other headers say: they are not looked at."""
    host, other = HOSTS[OWN], HOSTS[OTHER]
    misleading = [
        ("X-Forwarded-Host", other), ("Forwarded", f"host={other}"), ("X-Original-Host", other), ("X-Host", other),
        ("X-Tenant-Id", OTHER), ("X-Forwarded-Server", other), ("X-HTTP-Host-Override", other),
    ]  # fmt: skip
    for spelling in (host, host.upper(), f"{host}:443", f"{host}:8443", f"{host}."):
        for headers in ([], misleading):
            response = ask(market, route, ids[OWN], spelling, token=token("staff", OWN), headers=headers)
            assert response.status_code in (200, 201)
            assert not of_the_other(response, ids)


@pytest.mark.parametrize("route", ROUTES)
def test_nothing_of_another_tenant_is_to_be_had_or_changed(market, ids, token, tmp_path, route):
    host, other = HOSTS[OWN], HOSTS[OTHER]
    own, foreign = token("staff", OWN), token("staff", OTHER)
    before = rows_of(tmp_path / "tenants", OTHER)
    asked = {
        "the other's ids on the own host": ask(market, route, ids[OTHER], token=own),
        "the other's token on the own host": ask(market, route, ids[OWN], token=foreign),
        "the other's token and ids on the own host": ask(market, route, ids[OTHER], token=foreign),
        "an absolute URI": ask(market, route, ids[OTHER], token=own, prefix=f"http://{other}"),
        "both hosts": ask(market, route, ids[OTHER], host, other, token=own),
        "both hosts, the other first": ask(market, route, ids[OTHER], other, host, token=own),
        "both hosts in one": ask(market, route, ids[OTHER], f"{host}, {other}", token=own),
        "a host with somebody before it": ask(market, route, ids[OTHER], f"{host}@{other}", token=own),
    }
    for what, response in asked.items():
        assert not of_the_other(response, ids), what
        assert response.status_code < 500, what
    asked["the own token on the other's host"] = ask(market, route, ids[OTHER], other, token=own)
    if route not in PUBLIC:
        assert asked["the own token on the other's host"].status_code == 403
        assert asked["the other's token on the own host"].status_code == 403
        assert asked["the own token on the other's host"].json()["code"] == "token_foreign"
    if "{" in route[1]:
        assert asked["the other's ids on the own host"].status_code == 404
    for what in ("an absolute URI", "both hosts", "both hosts, the other first", "both hosts in one"):
        assert asked[what].status_code == 404, what
    if route != ("POST", "/api/orders"):  # which anybody may, on any host
        assert rows_of(tmp_path / "tenants", OTHER) == before


def test_an_answer_to_a_token_is_never_kept_and_no_private_route_ever_is(market, ids, token):
    for route in ROUTES:
        with_token = ask(market, route, ids[OWN], token=token("staff", OWN))
        without = ask(market, route, ids[OWN])
        kept = route in PUBLIC and route[0] == "GET"
        assert with_token.headers["cache-control"] == "no-store"
        assert without.headers["cache-control"].startswith("public") == kept, route
        assert ("cache-tag" in without.headers) == kept
        assert "cache-tag" not in with_token.headers


def test_a_cursor_of_one_tenant_leads_to_no_row_of_another(market, ids, token):
    for path in ("/api/products", "/api/orders", "/api/customers"):
        for host in HOSTS.values():
            another = {"customer": {"name": "B", "phone": "300"}, "lines": [{"product_id": "lulo", "quantity": 1}]}
            market.ask("/api/orders", host, method="POST", json=another)
        cursor = market.ask(f"{path}?limit=1", HOSTS[OTHER], token=token("staff", OTHER)).json()["next"]
        response = market.ask(f"{path}?cursor={cursor}", HOSTS[OWN], token=token("staff", OWN))
        assert response.status_code == 200
        assert not of_the_other(response, ids)


def test_the_engine_itself_refuses_a_row_of_another_tenant(market, ids, tmp_path):
    import duckdb

    with (
        database.open(tmp_path / "tenants", OWN, "write") as connection,
        pytest.raises(duckdb.ConstraintException, match="CHECK"),
    ):
        connection.execute("UPDATE settings SET tenant_id = 'vecino'")
    assert json.dumps(rows_of(tmp_path / "tenants", OWN), default=str).count(OTHER) == 0
