"""Each page on a laptop in light and on a phone in dark: nothing for axe to find, nothing that sticks out.

With FLUXION_PICTURES=<folder> its pictures go there, to be looked at.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.pages.accessibility import sticks_out, violations
from tests.pages.browser import WIDTHS
from tests.pages.conftest import Site, Window

PICTURES = os.environ.get("FLUXION_PICTURES")

OpenWindow = Callable[..., Window]
SignIn = Callable[..., Page]

LOOKS = (("phone", True), ("laptop", False))


@pytest.fixture
def page(open_window: OpenWindow) -> Page:
    """One whose colours do not fade: it is looked at as soon as they have changed."""
    return open_window(reduced_motion="reduce", expected={404, 503}).page


def look(page: Page, name: str, *, whole: bool = False) -> None:
    page.evaluate("document.fonts.ready")
    for width, dark in LOOKS:
        wide, high = WIDTHS[width]
        page.set_viewport_size({"width": wide, "height": high})
        page.emulate_media(color_scheme="dark" if dark else "light")
        if PICTURES:
            Path(PICTURES).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(PICTURES) / f"{name}-{wide}{'-dark' if dark else ''}.png", full_page=whole)
        assert violations(page) == []
        assert sticks_out(page) <= 0


def test_landing(page: Page, site: Site) -> None:
    page.goto(site.url())
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    look(page, "landing", whole=True)


@pytest.mark.parametrize(
    ("name", "tenant", "heading"),
    [
        ("shop-light-colour", "panaderia", "Catálogo"),
        ("shop-long-name", "cooperativa-de-los-productores-x", "Catálogo"),
        ("shop-empty", "vacia", "Catálogo"),
        ("suspended", "pausada", "Este sitio está en pausa"),
        ("unavailable", "lenta", "No hay respuesta en este momento"),
        ("unknown", "nadie", "En esta dirección no hay ningún sitio"),
    ],
)
def test_site(page: Page, site: Site, name: str, tenant: str, heading: str) -> None:
    page.goto(site.url(tenant))
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    look(page, name)


def test_ordering(page: Page, site: Site) -> None:
    page.goto(site.url("granja"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Catálogo")
    look(page, "shop")
    page.get_by_role("button", name="Agregar Lulo").click()
    page.get_by_role("button", name="Agregar Queso campesino").click()
    page.get_by_role("button", name="Más Lulo").click()
    look(page, "shop-with-cart")
    page.get_by_role("link", name="pedido").filter(visible=True).click()
    page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_text("Escriba su nombre.")).to_be_visible()
    look(page, "order")
    page.get_by_label("Nombre").fill("Ana")
    page.get_by_label("Teléfono").fill("300 000 0000")
    page.get_by_role("button", name="Enviar el pedido").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pedido recibido")
    look(page, "placed")


def test_panel(open_window: OpenWindow, sign_in: SignIn) -> None:
    page = sign_in(open_window(reduced_motion="reduce"))
    expect(page.get_by_role("row", name="La Granja Mercado")).to_be_visible()
    look(page, "tenants")
    page.get_by_role("link", name="Frutas del Valle").click()
    expect(page.get_by_role("heading", name="Falló: Comprobar el sitio")).to_be_visible()
    look(page, "tenant-stalled")
    page.get_by_role("link", name="← Inquilinos").click()
    page.get_by_role("link", name="La Granja Mercado").click()
    expect(page.get_by_role("heading", name="En los sistemas")).to_be_visible()
    look(page, "tenant", whole=True)
    page.get_by_role("button", name="Retirar").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    look(page, "confirmation")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="← Inquilinos").click()
    page.get_by_role("link", name="Nuevo inquilino").click()
    page.get_by_label("Id del inquilino").fill("1ogin")
    expect(page.get_by_test_id("name-check")).to_have_text("Se parece a un nombre reservado. Compare: login")
    look(page, "new-tenant")
    page.get_by_role("button", name="Salir").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Panel de operación")
    look(page, "sign-in")


# What the workflow makes rarely: its page is made here, from what the API would tell.
RARE = {
    "held": ("quesos-la-vega", "este espera a una persona", "fluxion tenants remove --held quesos-la-vega"),
    "unrestored": ("miel-del-monte", "El respaldo por restaurar no es lo que se archivó.", "ArchiveDamaged"),
    "drifted": ("flores-del-alba", "falta el registro DNS A flores-del-alba, se repara solo", "DriftRepaired"),
}


def test_what_is_rare_is_told_in_words(open_window: OpenWindow, site: Site, sign_in: SignIn) -> None:
    page = sign_in(open_window(reduced_motion="reduce"), "viewer")
    for name, (tenant, *told) in RARE.items():
        page.goto(site.url("admin", f"/tenants/{tenant}"))
        for words in told:
            expect(page.locator("main")).to_contain_text(words)
        look(page, name, whole=True)


def test_a_host_or_a_path_that_nothing_belongs_to(open_window: OpenWindow, site: Site) -> None:
    page = open_window(expected={404}).page
    page.goto(site.url("x.granja"))
    expect(page.get_by_role("heading", level=1)).to_have_text("En esta dirección no hay ningún sitio")
    page.goto(site.url("granja", "/no/such/page"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Esta página no existe")
    assert violations(page) == []
    page.get_by_role("link", name="Ir al inicio").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Catálogo")


def test_without_the_deployments_word_no_face_is_guessed(open_window: OpenWindow, site: Site) -> None:
    page = open_window(expected={404}).page
    page.route("**/config.json", lambda route: route.fulfill(status=404, body="<html>"))
    page.goto(site.url("granja"))
    expect(page.get_by_role("heading", level=1)).to_have_text("No hay respuesta en este momento")


def test_english_is_chosen_once(open_window: OpenWindow, site: Site) -> None:
    page = open_window().page
    page.goto(site.url())
    assert page.locator("html").get_attribute("lang") == "es"
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Say what your business is called. Here is its site.")
    assert page.locator("html").get_attribute("lang") == "en"
    page.reload()
    expect(page.get_by_role("button", name="Español")).to_be_visible()
    assert violations(page) == []


def test_the_landing_page_shows_the_address_that_a_name_would_have(open_window: OpenWindow, site: Site) -> None:
    page = open_window().page
    page.goto(site.url())
    page.get_by_label("Nombre del negocio").fill("Panadería Ñandú")
    expect(page.get_by_role("status").filter(has_text="panaderia-nandu")).to_have_text(
        "panaderia-nandu.fluxionia.localhost"
    )
    example = page.get_by_role("link", name="Ver una tienda que ya está en línea")
    assert example.get_attribute("href") == site.url("granja")
    assert page.get_by_role("link", name="Panel de operación").get_attribute("href") == site.url("admin")


def test_who_wants_less_motion_gets_none(open_window: OpenWindow, site: Site, sign_in: SignIn) -> None:
    page = sign_in(open_window(reduced_motion="reduce"), "operator", "/tenants/granja")
    expect(page.get_by_role("heading", name="Historial")).to_be_visible()
    longest = page.evaluate(
        "Math.max(...[...document.querySelectorAll('*')].flatMap((element) => {"
        " const style = getComputedStyle(element);"
        " return [parseFloat(style.animationDuration), parseFloat(style.transitionDuration)]; }))"
    )
    assert longest <= 0.001
