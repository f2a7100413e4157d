"""Operators and visitors in a browser, on what is deployed: the built pages, through the edge, over HTTPS."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, Response, expect

from control.stacks import Output
from tenancy.database import TenantDatabases
from tests.pages.accessibility import sticks_out, violations
from tests.pages.browser import BASE, ROOT, WIDTHS, Site, Window, launched, open_window
from tests.stages import tasks

from .embedded import EmbeddedAws

__all__ = ["open_window"]

OpenWindow = Callable[..., Window]

PICTURES = Path(os.environ.get("FLUXION_PICTURES") or ROOT / ".local" / "pages")
ONBOARDING = tasks("onboard_tenant")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from launched()


@pytest.fixture
def live(embedded_aws: EmbeddedAws) -> Site:
    return Site(int(embedded_aws.environment["FLUXION_EDGE_URL"].rpartition(":")[2]), "https")


def _open(page: Page, url: str, heading: str) -> Response:
    answer = page.goto(url)
    assert answer is not None
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    return answer


def _picture(page: Page, name: str) -> None:
    """On a laptop and on a phone. Pictures first: what they show may be over in a second."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.evaluate("document.fonts.ready")
    for width in ("laptop", "phone"):
        _resize(page, width)
        page.screenshot(path=PICTURES / f"{name}-{WIDTHS[width][0]}.png")
    for width in ("phone", "laptop"):
        _resize(page, width)
        assert sticks_out(page) <= 0
        assert violations(page) == []


def _resize(page: Page, width: str) -> None:
    wide, high = WIDTHS[width]
    page.set_viewport_size({"width": wide, "height": high})


def _sign_in(page: Page, live: Site, role: str, path: str = "/") -> None:
    page.goto(live.url("admin", path))
    page.get_by_role("button", name="Iniciar sesión").click()
    page.get_by_role("link", name=f"{role}@{BASE}").click()
    page.get_by_role("button", name="Salir").wait_for()


def test_every_host_shows_its_face(embedded_aws: EmbeddedAws, open_window: OpenWindow, live: Site) -> None:
    tenant = "la-granja"
    embedded_aws.onboard(tenant, name="La Granja Mercado", settings={"colour": "#2e7d32", "locale": "es"})
    page = open_window(ignore_https_errors=True, expected={404}).page

    landing = page.goto(live.url("www", "/?x=1"))
    assert page.url == live.url("", "/?x=1")  # redirected, with its port and query
    assert landing is not None
    assert "default-src 'none'" in landing.headers["content-security-policy"]
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    _picture(page, "landing")

    api = page.goto(live.url("api", "/api/"))
    assert api is not None
    assert api.json()["openapi"]["tenant"] == "/api/openapi/tenant.json"

    _open(page, live.url(tenant), "Catálogo")
    expect(page.get_by_text("La Granja Mercado").first).to_be_visible()
    _picture(page, "site")

    _open(page, live.url("no-hay-nadie"), "En esta dirección no hay ningún sitio")
    _picture(page, "unknown")

    _sign_in(page, live, "viewer")
    expect(_row(page, tenant)).to_be_visible()


def test_a_tenant_goes_live_takes_an_order_and_is_suspended(
    embedded_aws: EmbeddedAws, open_window: OpenWindow, live: Site
) -> None:
    page = open_window(ignore_https_errors=True).page
    _sign_in(page, live, "operator", "/new")
    page.get_by_label("Id del inquilino").press_sequentially("admin")
    expect(page.get_by_test_id("name-check")).to_contain_text("Está reservado para la plataforma.")
    _picture(page, "new")
    page.get_by_label("Id del inquilino").fill("en-vivo")
    page.get_by_label("Nombre").fill("Tienda en vivo")
    expect(page.get_by_test_id("name-check")).to_contain_text(f"Libre: en-vivo.{BASE}")
    page.get_by_role("button", name="Crear inquilino").click()

    stages = page.locator(".stages")
    expect(stages).to_have_attribute("data-state", "RUNNING", timeout=10_000)  # live: nobody reloads the page
    _picture(page, "onboarding")
    expect(stages).to_have_attribute("data-state", "SUCCEEDED", timeout=60_000)
    assert [row.get_attribute("data-stage") for row in page.locator("[data-stage]").all()] == ONBOARDING
    assert page.locator('[data-stage][data-state="done"]').count() == len(ONBOARDING)
    assert embedded_aws.record("en-vivo")["status"] == "ACTIVE"
    _picture(page, "onboarded")

    shop = open_window(ignore_https_errors=True, expected={503}).page
    _open(shop, live.url("en-vivo"), "Catálogo")
    shop.get_by_role("button", name="Agregar Lulo").click()
    shop.get_by_role("link", name="Hacer el pedido").click()
    shop.get_by_label("Nombre").fill("Ana Ruiz")
    shop.get_by_label("Correo electrónico").fill("ana@example.com")
    _picture(shop, "order")
    shop.get_by_role("button", name="Enviar el pedido").click()
    expect(shop.get_by_role("heading", level=1)).to_have_text("Pedido recibido")
    number = shop.get_by_test_id("order-number").inner_text()
    assert _orders(embedded_aws, "en-vivo") == [(number, "placed", "Ana Ruiz", "lulo")]

    page.get_by_role("button", name="Poner en pausa").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill("en-vivo")
    dialog.get_by_role("button", name="Poner en pausa").click()
    asked = time.monotonic()
    expect(dialog).to_have_count(0)
    while _heading(shop, live.url("en-vivo")) != "Este sitio está en pausa":
        assert time.monotonic() - asked < 5
    _picture(shop, "suspended")
    assert embedded_aws.get(f"en-vivo.{BASE}").status_code == 503


def test_a_failure_shows_its_cause_and_a_retry_makes_the_site_live(
    embedded_aws: EmbeddedAws, open_window: OpenWindow, live: Site
) -> None:
    zone, host = embedded_aws.outputs[Output.HOSTED_ZONE], embedded_aws.host("reintento")
    change = {"Name": host, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.7"}]}
    route53 = embedded_aws.client("route53")
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": change}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    embedded_aws.insert("reintento")
    assert embedded_aws.settled("reintento")["status"] == "FAILED"

    page = open_window(ignore_https_errors=True).page
    _sign_in(page, live, "operator")
    row = _row(page, "reintento")
    expect(row).to_contain_text("Fallido")
    _picture(page, "panel")
    row.get_by_role("link").click()
    failure = page.get_by_role("region", name="Falló: Crear los registros DNS")
    expect(failure).to_contain_text("La zona ya tiene para esa dirección un registro")
    expect(failure.locator('[lang="en"]')).to_contain_text("RecordBelongsToOthers")
    _picture(page, "failed")
    batch = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": change}]}
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
    page.get_by_role("button", name="Reintentar").click()
    expect(page.locator(".title .mark")).to_have_attribute("data-status", "ACTIVE", timeout=60_000)


def _row(page: Page, tenant: str) -> Locator:
    """Searched for, since the stack has other tests' tenants, too: more than a page of them."""
    page.get_by_role("searchbox").fill(tenant)
    return page.locator(f'tr[data-tenant="{tenant}"]')


def _heading(shop: Page, url: str) -> str:
    shop.goto(url)
    heading = shop.get_by_role("heading", level=1)
    heading.wait_for()
    return heading.inner_text()


def _orders(embedded_aws: EmbeddedAws, tenant: str) -> list[tuple[str, ...]]:
    """What DuckDB has: order, status, customer, product."""
    databases = TenantDatabases(Path(embedded_aws.environment["FLUXION_DATA_DIR"]))
    query = (
        "SELECT o.order_id, o.status, c.name, l.product_id FROM orders o"
        " JOIN customers c USING (tenant_id, customer_id) JOIN order_items l USING (tenant_id, order_id)"
        " WHERE tenant_id = ?"
    )
    try:
        with databases.open(tenant, "read") as connection:
            return [tuple(map(str, row)) for row in connection.execute(query, [tenant]).fetchall()]
    finally:
        databases.close()
