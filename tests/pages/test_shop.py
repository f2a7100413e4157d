"""A visitor in a shop."""

import http.client
import json
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect

from tests.pages.accessibility import violations
from tests.pages.conftest import BASE, Site, Window
from tests.pages.keyboard import tab_to

OpenWindow = Callable[..., Window]


def _fill(page: Page) -> None:
    page.get_by_label("Nombre").fill("Ana Ruiz")
    page.get_by_label("Correo electrónico").fill("ana@example.com")


def _passed_on(route: Route, site: Site) -> dict[str, Any]:
    """What the server answers. Not by `route.fetch`, which asks the system for the address of *.localhost."""
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=5)
    headers = {
        "Host": f"granja.{BASE}",
        "Content-Type": "application/json",
        "Idempotency-Key": route.request.headers["idempotency-key"],
    }
    connection.request("POST", "/api/orders", route.request.post_data_buffer, headers)
    placed: dict[str, Any] = json.load(connection.getresponse())
    connection.close()
    return placed


def _to_order(page: Page, site: Site, *products: str) -> None:
    page.goto(site.url("granja"))
    for product in products:
        page.get_by_role("button", name=f"Agregar {product}").click()
    page.get_by_role("link", name="Hacer el pedido").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Hacer el pedido")


def test_the_catalogue_is_narrowed_by_category_and_by_words_without_accents(
    open_window: OpenWindow, site: Site
) -> None:
    page = open_window().page
    page.goto(site.url("granja"))
    items = page.locator(".item h3")
    expect(items).to_have_count(21)  # two pages of the API
    assert page.title() == "La Granja Mercado"

    page.get_by_role("button", name="Frutas").click()
    expect(items).to_have_count(5)
    page.get_by_role("searchbox").fill("MARACUYA jugo")
    expect(items).to_have_text(["Maracuyá"])
    assert page.url == site.url("granja", "/?category=Frutas&q=MARACUYA+jugo")
    page.reload()
    expect(items).to_have_text(["Maracuyá"])

    page.get_by_role("searchbox").fill("tornillos")
    expect(page.get_by_text("No encontramos productos con esa búsqueda.")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Ver todo el catálogo").click()
    expect(items).to_have_count(21)


def test_an_order_is_placed_and_gets_a_number(open_window: OpenWindow, site: Site) -> None:
    page = open_window(width="phone").page
    page.goto(site.url("granja"))
    page.get_by_role("button", name="Agregar Lulo").click()
    page.get_by_role("button", name="Agregar Cuajada").click()
    page.get_by_role("textbox", name="Cantidad de Lulo").fill("0,5")
    bar = page.get_by_role("link", name="Ver pedido, 2 productos")
    expect(bar).to_contain_text("13.200")
    bar.click()
    _fill(page)
    page.get_by_label("Nota para la tienda").fill("Después de las 4")
    with page.expect_request("**/api/orders") as sent:
        page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pedido recibido")

    assert json.loads(sent.value.post_data or "") == {
        "customer": {"name": "Ana Ruiz", "email": "ana@example.com"},
        "lines": [{"product_id": "lulo", "quantity": 0.5}, {"product_id": "cuajada", "quantity": 1}],
        "note": "Después de las 4",
    }
    number = page.get_by_test_id("order-number").inner_text()
    assert len(number) == 36
    expect(page.get_by_text("$ 13.200")).to_be_visible()
    page.reload()
    expect(page.get_by_test_id("order-number")).to_have_text(number)
    page.get_by_role("link", name="Volver a la tienda").click()
    expect(page.get_by_role("link", name="Ver pedido")).to_have_count(0)


def test_a_cart_is_there_again_after_a_reload(open_window: OpenWindow, site: Site) -> None:
    page = open_window().page
    page.goto(site.url("granja"))
    page.get_by_role("button", name="Agregar Yuca").click()
    page.get_by_role("button", name="Más Yuca").click()
    page.reload()
    expect(page.get_by_role("textbox", name="Cantidad de Yuca")).to_have_value("2")
    page.get_by_role("button", name="Menos Yuca").click()
    page.get_by_role("button", name="Quitar Yuca").click()
    expect(page.get_by_text("Aún no ha agregado nada.")).to_be_visible()


def test_what_is_missing_is_said_at_its_field(open_window: OpenWindow, site: Site) -> None:
    page = open_window().page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    _to_order(page, site, "Lulo")
    page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_label("Nombre")).to_have_accessible_description("Escriba su nombre.")
    expect(page.get_by_label("Nombre")).to_be_focused()
    page.get_by_label("Nombre").fill("Ana")
    page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_label("Teléfono")).to_be_focused()
    assert not [url for url in asked if url.endswith("/api/orders")]


def test_what_the_api_refuses_is_said_at_its_field(open_window: OpenWindow, site: Site) -> None:
    page = open_window(expected={422}).page
    _to_order(page, site, "Lulo")
    page.get_by_label("Nombre").fill("Ana")
    page.get_by_label("Correo electrónico").fill("nope")
    page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_label("Correo electrónico")).to_have_accessible_description(
        "Escriba un correo electrónico válido."
    )
    expect(page.get_by_label("Correo electrónico")).to_be_focused()
    expect(page.get_by_role("alert")).to_have_text("Hay datos por corregir.")


def test_an_order_that_got_no_answer_is_sent_again_as_the_same_order(open_window: OpenWindow, site: Site) -> None:
    page = open_window(expected={0}).page
    taken: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        if taken:
            route.continue_()
        else:
            taken.append(_passed_on(route, site)["order_id"])
            route.abort()

    page.route("**/api/orders", lose_the_first_answer)
    _to_order(page, site, "Lulo")
    _fill(page)
    page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_role("alert")).to_contain_text("No hubo respuesta.")
    page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_test_id("order-number")).to_have_text(taken[0])


def test_another_order_is_another_order(open_window: OpenWindow, site: Site) -> None:
    page = open_window(expected={0}).page
    keys: list[str | None] = []

    def note(route: Route) -> None:
        keys.append(route.request.headers.get("idempotency-key"))
        route.abort()

    page.route("**/api/orders", note)
    _to_order(page, site, "Lulo")
    _fill(page)
    page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_role("button", name="Más Lulo").click()
    page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_role("alert")).to_be_visible()

    assert len(set(keys)) == len(keys) == 2


def _problem(route: Route, status: int, **more: Any) -> None:
    body = {"type": "about:blank", "title": "x", "status": status, **more}
    route.fulfill(status=status, content_type="application/problem+json", body=json.dumps(body))


def test_a_product_that_is_gone_leaves_the_order_and_the_rest_stays(open_window: OpenWindow, site: Site) -> None:
    page = open_window(expected={422}).page
    gone = [{"field": "lines.1.product_id", "message": "is not for sale"}]
    page.route("**/api/orders", lambda route: _problem(route, 422, code="invalid", errors=gone))
    _to_order(page, site, "Lulo", "Yuca")
    _fill(page)
    page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_text("Ya no está a la venta: Yuca.")).to_be_visible()
    expect(page.get_by_role("textbox", name="Cantidad de Lulo")).to_be_visible()
    expect(page.get_by_role("textbox", name="Cantidad de Yuca")).to_have_count(0)


def test_a_shop_that_is_paused_meanwhile_says_so(open_window: OpenWindow, site: Site) -> None:
    page = open_window(expected={503}).page
    page.route("**/api/orders", lambda route: _problem(route, 503, code="suspended"))
    _to_order(page, site, "Lulo")
    _fill(page)
    page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Este sitio está en pausa")


def test_an_order_by_keyboard_alone(open_window: OpenWindow, site: Site) -> None:
    page = open_window().page
    page.goto(site.url("granja"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Saltar al contenido")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, page.get_by_role("button", name="Agregar Lulo"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Más Lulo")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("textbox", name="Cantidad de Lulo")).to_have_value("2")
    tab_to(page, page.get_by_role("link", name="Hacer el pedido"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    tab_to(page, page.get_by_label("Nombre"))
    page.keyboard.type("Ana")
    page.keyboard.press("Tab")
    page.keyboard.type("300")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Pedido recibido")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
