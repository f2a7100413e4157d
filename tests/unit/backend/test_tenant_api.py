"""Catalogue, orders and customers of a tenant: what visitors may do, and what its staff may."""

import pytest

from tenancy import database

BASE = "fluxionia.example"
GRANJA, VECINO = f"granja.{BASE}", f"vecino.{BASE}"
KEY = {"Idempotency-Key": "0123456789abcdef"}


def an_order(*lines, **more):
    lines = lines or (("lulo", 2),)
    wanted = {"lines": [{"product_id": product_id, "quantity": quantity} for product_id, quantity in lines]}
    return {"customer": {"name": "Ana Gómez", "email": "ana@example.com"}} | wanted | more


@pytest.fixture
def ana(market, token):
    """The staff of granja asks."""

    def ask(path, **more):
        return market.ask(path, GRANJA, token=token("staff", "granja"), **more)

    return ask


def all_of(ask, path, limit):
    items, cursor, pages = [], "", 0
    while cursor is not None:
        found = ask(
            f"{path}{'&' if '?' in path else '?'}limit={limit}" + (f"&cursor={cursor}" if cursor else "")
        ).json()
        assert len(found["items"]) <= limit
        items, cursor, pages = items + found["items"], found["next"], pages + 1
    return items, pages


def test_the_catalogue_is_public_paged_and_kept_under_the_tenants_tag(market):
    response = market.ask("/api/products", GRANJA)
    assert response.status_code == 200
    assert response.headers["cache-control"] == "public, max-age=0, s-maxage=30"
    assert response.headers["cache-tag"] == "tenant:granja"
    whole = response.json()["items"]
    assert len(whole) == 21
    assert response.json()["next"] is None
    for limit in (1, 4, 20, 21):
        items, pages = all_of(lambda path: market.ask(path, GRANJA), "/api/products", limit)
        assert items == whole
        assert pages == -(-21 // limit)
    assert [each["category"] for each in whole] == sorted(each["category"] for each in whole)
    assert set(whole[0]) == {
        "product_id", "name", "description", "category", "unit", "price_cents", "currency", "available",
    }  # fmt: skip


def test_products_are_found_whatever_case_and_accents_and_by_category(market):
    def found(query):
        return {each["product_id"] for each in market.ask(f"/api/products?{query}", GRANJA).json()["items"]}

    assert found("q=PLATANO") == {"platano-harton"}
    assert found("q=urab%C3%A1") == {"banano"}
    assert found("q=%25") == set()
    assert found("q=x' OR '1'='1") == set()
    assert found("category=Frutas") == {"aguacate-hass", "banano", "lulo", "mango-tommy", "maracuya"}
    assert found("category=frutas") == set()
    assert market.ask("/api/products/lulo", GRANJA).json()["name"] == "Lulo"


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "view=some", f"q={'a' * 201}"])
def test_a_bad_parameter_is_named(market, query):
    response = market.ask(f"/api/products?{query}", GRANJA)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    assert response.json()["errors"][0]["field"] == query.partition("=")[0]


@pytest.mark.parametrize("cursor", ["x", "!", "W10", "bnVsbA", "WzEsMiwzXQ", "WyJhIiwiXHVkODAwIiwiYiJd", "%00"])
def test_a_cursor_that_the_list_has_not_given_is_refused(market, cursor):
    response = market.ask(f"/api/products?cursor={cursor}", GRANJA)
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


def test_anybody_may_order_and_prices_are_the_catalogues(market, ana):
    response = market.ask("/api/orders", GRANJA, method="POST", json=an_order(("lulo", 1.5), ("panela", 2)))
    placed = response.json()
    assert response.status_code == 201
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["location"] == f"/api/orders/{placed['order_id']}"
    lines = {each["product_id"]: each for each in placed["lines"]}
    assert lines["lulo"] == {
        "product_id": "lulo",
        "product_name": "Lulo",
        "quantity": 1.5,
        "unit_price_cents": 740000,
        "line_total_cents": 1110000,
    }
    assert list(lines) == ["lulo", "panela"]
    assert (placed["status"], placed["total_cents"], placed["currency"]) == ("placed", 2370000, "COP")
    seen = ana(f"/api/orders/{placed['order_id']}").json()
    assert seen["lines"] == placed["lines"]
    assert seen["customer"]["email"] == "ana@example.com"


def test_a_price_from_the_client_is_not_even_read(market):
    order = an_order()
    order["lines"][0]["unit_price_cents"] = 1
    response = market.ask("/api/orders", GRANJA, method="POST", json=order)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "lines.0.unit_price_cents"


def test_money_is_rounded_half_up_line_by_line():
    from decimal import Decimal

    from backend.tenant.orders import line_total

    assert line_total(Decimal("0.5"), 1) == 1
    assert line_total(Decimal("0.499"), 1) == 0
    assert line_total(Decimal("2.5"), 1) == 3
    assert line_total(Decimal(9999), 10**12) == 9999 * 10**12


def test_the_same_order_is_placed_once_however_often_it_is_sent(market, ana):
    first, second = (market.ask("/api/orders", GRANJA, method="POST", json=an_order(), headers=KEY) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    other = market.ask("/api/orders", GRANJA, method="POST", json=an_order(("lulo", 3)), headers=KEY)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")
    assert len(ana("/api/orders").json()["items"]) == 1
    elsewhere = market.ask("/api/orders", VECINO, method="POST", json=an_order(), headers=KEY)
    assert elsewhere.json()["order_id"] != first.json()["order_id"]


def test_an_order_without_a_key_is_a_new_one_each_time(market, ana):
    for _ in range(2):
        assert market.ask("/api/orders", GRANJA, method="POST", json=an_order()).status_code == 201
    items = ana("/api/orders").json()["items"]
    assert len({each["order_id"] for each in items}) == 2
    assert len({each["customer_id"] for each in items}) == 1, "who is the same in everything is one customer"


@pytest.mark.parametrize(
    ("order", "field"),
    [
        (an_order(("nothing", 1)), "lines.0.product_id"),
        (an_order(("lulo", 1), ("lulo", 1)), "lines.1.product_id"),
        (an_order(("lulo", 0)), "lines.0.quantity"),
        (an_order(("lulo", -1)), "lines.0.quantity"),
        (an_order(("lulo", 0.0001)), "lines.0.quantity"),
        (an_order(("lulo", 10_000)), "lines.0.quantity"),
        (an_order() | {"lines": []}, "lines"),
        (an_order() | {"customer": {"name": "Ana"}}, "customer"),
        (an_order() | {"customer": {"name": " ", "phone": "300"}}, "customer.name"),
        (an_order() | {"customer": {"name": "Ana\x1b[0m", "phone": "300"}}, "customer.name"),
        (an_order() | {"customer": {"name": "Ana\ud800", "phone": "300"}}, "customer.name"),
        (an_order() | {"customer": {"name": "Ana", "email": "ana"}}, "customer.email"),
        (an_order(note="x" * 501), "note"),
        (an_order(tenant_id="vecino"), "tenant_id"),
    ],
)
def test_an_order_that_breaks_a_rule_is_refused_by_its_field_and_nothing_is_written(market, ana, order, field):
    response = market.ask("/api/orders", GRANJA, method="POST", json=order)
    assert response.status_code == 422
    assert [each["field"] for each in response.json()["errors"]] == [field]
    assert ana("/api/orders").json()["items"] == []
    assert ana("/api/customers").json()["items"] == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"lines": NaN}', b"1" * 5000])
def test_a_body_that_is_no_order_is_refused(market, body):
    headers = {"Content-Type": "application/json"}
    response = market.ask("/api/orders", GRANJA, method="POST", body=body, headers=headers)
    assert response.status_code in (400, 422)
    assert response.headers["content-type"] == "application/problem+json"


def test_a_body_that_is_too_large_is_refused_before_it_is_read(market):
    headers = {"Content-Type": "application/json", "Content-Length": str(2**30)}
    assert market.ask("/api/orders", GRANJA, method="POST", body=b"{}", headers=headers).status_code == 413
    unannounced = {"Content-Type": "application/json"}
    body = b'"' + b"a" * 2**21 + b'"'
    assert market.ask("/api/orders", GRANJA, method="POST", body=body, headers=unannounced).status_code in (400, 413)


def test_another_sites_page_cannot_order_in_its_visitors_name(market):
    foreign = (f"https://{VECINO}", "https://evil.example", "null", f"https://{GRANJA}.evil.example")
    own = (f"https://{GRANJA}", f"https://{GRANJA}:8443")
    for origin in foreign + own:
        status = 201 if origin in own else 403
        response = market.ask("/api/orders", GRANJA, method="POST", json=an_order(), headers={"Origin": origin})
        assert response.status_code == status, origin


def test_staff_changes_the_catalogue_and_visitors_see_what_is_available(market, ana):
    new = {"name": "Uchuva", "category": "Frutas", "unit": "kg", "price_cents": 850000}
    response = ana("/api/products", method="POST", json=new)
    added = response.json()
    path = f"/api/products/{added['product_id']}"
    assert response.status_code == 201
    assert response.headers["location"] == path
    assert added == new | {"product_id": added["product_id"], "description": "", "currency": "COP", "available": True}
    assert market.ask(path, GRANJA).json() == added

    response = ana(path, method="PATCH", json={"available": False, "price_cents": 900000})
    assert response.json() == added | {"available": False, "price_cents": 900000}
    assert market.ask(path, GRANJA).status_code == 404
    assert added["product_id"] not in market.ask("/api/products", GRANJA).text
    assert ana(f"{path}?view=all").json()["available"] is False
    seen = ana("/api/products?view=all")
    assert added["product_id"] in seen.text
    assert seen.headers["cache-control"] == "no-store"
    assert "cache-tag" not in seen.headers
    order = market.ask("/api/orders", GRANJA, method="POST", json=an_order((added["product_id"], 1)))
    assert order.status_code == 422

    again = ana("/api/products", method="POST", json=new | {"product_id": "lulo"})
    assert (again.status_code, again.json()["code"]) == (409, "exists")
    assert ana("/api/products/none", method="PATCH", json={}).status_code == 404


def test_an_order_goes_its_way_and_no_other(market, ana):
    placed = market.ask("/api/orders", GRANJA, method="POST", json=an_order()).json()
    path = f"/api/orders/{placed['order_id']}"

    def becomes(status):
        return ana(path, method="PATCH", json={"status": status}).status_code

    assert [becomes(status) for status in ("delivered", "confirmed", "placed", "delivered", "cancelled")] == [
        409, 200, 409, 200, 409,
    ]  # fmt: skip
    assert ana(path, method="PATCH", json={"note": "at the door"}).json()["note"] == "at the door"
    assert ana("/api/orders?status=delivered").json()["items"][0]["order_id"] == placed["order_id"]
    assert ana("/api/orders?status=placed").json()["items"] == []
    assert ana("/api/orders/none").status_code == 404


def test_orders_come_newest_first_in_pages(market, ana):
    placed = [
        market.ask("/api/orders", GRANJA, method="POST", json=an_order(("lulo", count))).json()["order_id"]
        for count in range(1, 8)
    ]
    items, pages = all_of(ana, "/api/orders", 3)
    assert (len(items), pages) == (7, 3)
    assert {each["order_id"] for each in items} == set(placed)
    assert [each["created_at"] for each in items] == sorted((each["created_at"] for each in items), reverse=True)


def test_customers_are_written_down_found_and_changed(market, ana):
    market.ask("/api/orders", GRANJA, method="POST", json=an_order())
    added = ana("/api/customers", method="POST", json={"name": "Óscar", "phone": "300 1"}).json()
    path = f"/api/customers/{added['customer_id']}"
    assert [each["name"] for each in ana("/api/customers").json()["items"]] == ["Ana Gómez", "Óscar"]
    assert [each["name"] for each in ana("/api/customers?q=oscar").json()["items"]] == ["Óscar"]
    changed = ana(path, method="PATCH", json={"phone": None, "email": "o@example.com"}).json()
    assert changed == added | {"phone": None, "email": "o@example.com", "updated_at": changed["updated_at"]}
    assert ana(path).json() == changed
    ordered = ana("/api/customers?q=ana").json()["items"][0]["customer_id"]
    # The engine must be able to change a row that orders refer to.
    assert ana(f"/api/customers/{ordered}", method="PATCH", json={"name": "Ana María"}).status_code == 200
    items, pages = all_of(ana, "/api/customers", 1)
    assert ([each["name"] for each in items], pages) == (["Ana María", "Óscar"], 2)


def test_nobody_who_orders_changes_what_is_written_of_a_customer(market, ana):
    market.ask("/api/orders", GRANJA, method="POST", json=an_order())
    impostor = {"name": "Mallory", "email": "ana@example.com"}
    market.ask("/api/orders", GRANJA, method="POST", json=an_order(customer=impostor))
    assert [each["name"] for each in ana("/api/customers").json()["items"]] == ["Ana Gómez", "Mallory"]


def test_what_is_done_stands_in_the_tenants_audit_log(market, ana, tmp_path):
    market.ask("/api/orders", GRANJA, method="POST", json=an_order())
    ana("/api/products/lulo", method="PATCH", json={"price_cents": 1})
    with database.open(tmp_path / "tenants", "granja", "read") as connection:
        rows = connection.execute("SELECT actor, action FROM audit_log ORDER BY occurred_at").fetchall()
    assert rows[1:] == [("visitor", "order.placed"), (f"staff@granja.{BASE}", "product.changed")]


def test_what_fails_midway_leaves_nothing(market, ana, monkeypatch):
    from backend.tenant.repository import TenantRows

    def fail(self, *_, **__):
        raise RuntimeError

    monkeypatch.setattr(TenantRows, "log", fail)
    with pytest.raises(RuntimeError):
        market.ask("/api/orders", GRANJA, method="POST", json=an_order())
    assert market.last.status_code == 500
    monkeypatch.undo()
    assert ana("/api/orders").json()["items"] == []
    assert ana("/api/customers").json()["items"] == []


def test_a_statement_that_forgets_the_tenant_fails_always(tmp_path, seeded):
    import shutil

    import duckdb

    from backend.tenant.repository import Tenants
    from tenancy.database import TenantDatabases

    shutil.copytree(seeded, tmp_path / "tenants")
    databases = TenantDatabases(tmp_path / "tenants")
    tenants = Tenants(databases)
    assert (
        tenants.read("granja", lambda rows: len(rows.all("SELECT 1 FROM products WHERE tenant_id = $tenant_id"))) == 21
    )
    with pytest.raises(duckdb.InvalidInputException, match="tenant_id"):
        tenants.read("granja", lambda rows: rows.all("SELECT 1 FROM products"))
    databases.close()


def test_a_suspended_site_takes_no_orders_not_even_from_the_probe(market, table, proof):
    table.put("granja", "SUSPENDED")
    for headers in ({}, proof(GRANJA)):
        response = market.ask("/api/orders", GRANJA, method="POST", json=an_order(), headers=headers)
        assert (response.status_code, response.json()["code"]) == (503, "suspended")
