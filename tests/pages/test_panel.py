"""An operator, and a viewer, in the panel."""

import json
import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.pages.conftest import BASE, Site, Window
from tests.pages.keyboard import tab_to
from tests.stages import tasks

OpenWindow = Callable[..., Window]
SignIn = Callable[..., Page]

# In milliseconds.
LOOKS_AGAIN = 5_000  # every page of the panel has asked again
GRACE = 2_600  # a removal in the miniature has come to its end

ONBOARDING, OFFBOARDING = tasks("onboard_tenant"), tasks("offboard_tenant")[1:]  # HoldTenant comes before


def _create(page: Page, tenant: str, name: str = "Tienda de prueba") -> None:
    page.get_by_role("link", name="Nuevo inquilino").click()
    page.get_by_label("Id del inquilino").fill(tenant)
    page.get_by_label("Nombre").fill(name)
    expect(page.get_by_test_id("name-check")).to_contain_text(f"Libre: {tenant}.{BASE}")
    page.get_by_role("button", name="Crear inquilino").click()


def _live(page: Page) -> None:
    expect(page.locator(".stages")).to_have_attribute("data-state", "SUCCEEDED", timeout=15_000)


def _status(page: Page, status: str, seconds: float = 10) -> None:
    expect(page.locator(".title .mark")).to_have_attribute("data-status", status, timeout=seconds * 1000)


def _confirm(page: Page, tenant: str, button: str) -> None:
    dialog = page.get_by_role("dialog")
    confirm = dialog.get_by_role("button", name=button)
    typed = dialog.get_by_role("textbox")
    expect(confirm).to_be_disabled()
    typed.fill(tenant[:-1])
    expect(confirm).to_be_disabled()
    typed.fill(tenant)
    confirm.click()
    expect(dialog).to_have_count(0)


def test_signing_in_leads_back_and_lasts_for_the_tab_alone(open_window: OpenWindow, site: Site) -> None:
    page = open_window().page
    page.goto(site.url("admin", "/tenants/granja"))
    page.get_by_role("button", name="Iniciar sesión").click()
    page.get_by_role("link", name=f"operator@{BASE}").click()
    page.get_by_role("button", name="Salir").wait_for()
    assert page.url == site.url("admin", "/tenants/granja")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("La Granja Mercado")
    other = page.context.new_page()
    other.goto(site.url("admin"))
    expect(other.get_by_role("button", name="Iniciar sesión")).to_be_visible()
    other.close()
    assert page.evaluate("JSON.stringify(localStorage)") == "{}"
    assert page.context.cookies() == []
    page.get_by_role("button", name="Salir").click()
    expect(page.get_by_role("button", name="Iniciar sesión")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Iniciar sesión")).to_be_visible()


def test_an_answer_that_nobody_asked_for_signs_nobody_in(open_window: OpenWindow, site: Site) -> None:
    page = open_window().page
    page.goto(site.url("admin", "/signed-in?code=stolen&state=guessed"))
    expect(page.get_by_role("alert")).to_have_text("No se pudo iniciar sesión. Vuelva a intentarlo.")
    assert page.evaluate("sessionStorage.getItem('fluxion.token')") is None


def test_a_token_that_is_not_taken_any_more_asks_to_sign_in_again(
    open_window: OpenWindow, site: Site, sign_in: SignIn
) -> None:
    page = sign_in(open_window(expected={401}), "operator", "/tenants/granja")
    page.route("**/api/tenants/**", lambda route: route.fulfill(status=401, body='{"code": "token_expired"}'))
    expect(page.get_by_role("alert")).to_contain_text("La sesión terminó.")
    expect(page.get_by_role("button", name="Iniciar sesión")).to_be_visible()


def test_tenants_are_found_by_name_and_by_status(open_window: OpenWindow, sign_in: SignIn) -> None:
    page = sign_in(open_window(width="phone"))
    rows = page.locator("tr[data-tenant]")
    expect(page.locator('tr[data-tenant="granja"]')).to_be_visible()
    page.get_by_role("searchbox").fill("mercado")
    expect(rows).to_have_count(1)
    page.get_by_role("searchbox").fill("")
    page.get_by_label("Estado").select_option("SUSPENDED")
    expect(page.locator('tr[data-tenant="granja"]')).to_have_count(0)
    expect(page.locator('tr[data-tenant="pausada"]')).to_be_visible()
    page.get_by_label("Estado").select_option("STALLED")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Alta: detenida")
    page.get_by_label("Estado").select_option("HELD")
    expect(page.locator('tr[data-tenant="quesos-la-vega"]')).to_contain_text("Retiro: espera confirmación")
    page.get_by_label("Estado").select_option("")
    page.get_by_role("searchbox").fill("no hay tal")
    expect(page.get_by_text("Ningún inquilino coincide con la búsqueda.")).to_be_visible()
    page.get_by_role("button", name="Quitar la búsqueda").click()
    expect(page.locator('tr[data-tenant="granja"]')).to_be_visible()


REFUSED = {
    "ab": "Debe tener de 3 a 32 caracteres.",
    "Mayus": "Escríbalo en minúsculas",
    "granja/../x?y#z": "Solo a-z, 0-9 y guiones por dentro, sin puntos.",
    "12345": "No puede ser solo cifras.",
    "admin": "Está reservado para la plataforma.",
    "1ogin": "Se parece a un nombre reservado. Compare: login",
    "granja": "Ya lo tiene otro inquilino.",
    "1agranja": "Se parece al nombre de otro inquilino. Compare: lagranja",
}


def test_a_bad_name_is_refused_while_typing_with_the_rule(open_window: OpenWindow, sign_in: SignIn) -> None:
    page = sign_in(open_window(), "operator", "/new")
    field = page.get_by_label("Id del inquilino")
    page.route("**/api/names/1agranja", lambda route: route.fulfill(json={
        "tenant_id": "1agranja", "ok": False, "code": "looks_taken", "rule": "looks like 'lagranja', which is taken",
        "like": "lagranja", "host": "",
    }))  # fmt: skip
    for name, told in REFUSED.items():
        field.fill(name[:-1])
        field.press(name[-1])
        expect(page.get_by_test_id("name-check")).to_contain_text(told)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_role("button", name="Crear inquilino")).to_be_disabled()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_test_id("name-check")).to_have_text("1agranja looks like 'lagranja', which is taken")


def test_a_tenant_is_created_watched_and_paused_by_keyboard_alone(
    open_window: OpenWindow, site: Site, sign_in: SignIn
) -> None:
    page = sign_in(open_window())
    expect(page.locator('tr[data-tenant="granja"]')).to_be_visible()
    tab_to(page, page.get_by_role("link", name="Nuevo inquilino"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    tab_to(page, page.get_by_label("Id del inquilino"))
    page.keyboard.type("tienda-nueva")
    page.keyboard.press("Tab")
    page.keyboard.type("Tienda Nueva")
    expect(page.get_by_test_id("name-check")).to_contain_text(f"Libre: tienda-nueva.{BASE}")
    page.keyboard.press("Enter")

    expect(page).to_have_url(site.url("admin", "/tenants/tienda-nueva"))
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    _live(page)
    assert [row.get_attribute("data-stage") for row in page.locator("[data-stage]").all()] == ONBOARDING
    durations = page.locator('[data-state="done"] .amount').all_inner_texts()
    assert len(durations) == 7
    assert all(re.fullmatch(r"\d+,\d s", duration) for duration in durations)
    _status(page, "ACTIVE")
    expect(page.get_by_text("TenantActivated")).to_be_visible()

    pause = page.get_by_role("button", name="Poner en pausa")
    tab_to(page, pause)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("textbox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(pause).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.type("tienda-nueva")
    page.keyboard.press("Enter")
    _status(page, "SUSPENDED")


def test_what_the_api_refuses_is_said_at_its_field(open_window: OpenWindow, sign_in: SignIn) -> None:
    page = sign_in(open_window(expected={422}), "operator", "/new")
    page.get_by_label("Id del inquilino").fill("otra-tienda")
    page.get_by_label("Correo de contacto").fill("nope")
    page.get_by_role("button", name="Crear inquilino").click()
    expect(page.get_by_role("textbox", name="Nombre")).to_have_accessible_description(
        re.compile("Escriba un nombre de 1 a 80 letras.")
    )
    expect(page.get_by_label("Correo de contacto")).to_have_accessible_description(
        re.compile("Escriba un correo electrónico válido.")
    )


def test_a_failure_is_told_in_the_language_of_the_page_and_tried_again(
    open_window: OpenWindow, sign_in: SignIn
) -> None:
    page = sign_in(open_window())
    _create(page, "falla-una-vez")
    failure = page.get_by_role("region", name="Falló: Crear los registros DNS")
    expect(failure).to_contain_text("La zona ya tiene para esa dirección un registro")
    expect(failure).to_contain_text("Borre o renombre el registro en la zona")
    assert failure.locator(":not([lang])").get_by_text("hosted zone").count() == 0
    expect(failure.locator('[lang="en"]')).to_contain_text("RecordBelongsToOthers The zone already has an A record")
    expect(page.locator('[data-stage="CreateDnsRecords"]')).to_have_attribute("data-state", "failed")
    _status(page, "FAILED")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("region", name="Failed: Create the DNS records")).to_contain_text(
        "Delete or rename the record in the hosted zone"
    )
    page.get_by_role("button", name="Retry").click()
    expect(page.locator(".failure")).to_have_count(0)
    _live(page)
    _status(page, "ACTIVE")


def test_a_tenant_is_paused_and_resumed_and_who_looks_on_sees_it(
    open_window: OpenWindow, site: Site, sign_in: SignIn
) -> None:
    page = sign_in(open_window(), "operator", "/tenants/flores-del-alba")
    onlooker = open_window()
    onlooker.page.clock.install()
    viewer = sign_in(onlooker, "viewer", "/tenants/flores-del-alba")
    expect(viewer.locator(".stages")).to_have_attribute("data-state", "SUCCEEDED")
    page.get_by_role("button", name="Poner en pausa").click()
    _confirm(page, "flores-del-alba", "Poner en pausa")
    _status(page, "SUSPENDED")
    shop = open_window(expected={503}).page  # a tab in front would slow the panel down
    shop.goto(site.url("flores-del-alba"))
    expect(shop.get_by_role("heading", level=1)).to_have_text("Este sitio está en pausa")
    viewer.clock.fast_forward(LOOKS_AGAIN)
    _status(viewer, "SUSPENDED")
    _live(page)
    page.get_by_role("button", name="Reanudar").click()
    _confirm(page, "flores-del-alba", "Reanudar")
    _status(page, "ACTIVE")
    shop.reload()
    expect(shop.get_by_role("heading", level=1)).to_have_text("Catálogo")


def test_a_removal_can_be_cancelled_and_ends_in_a_tombstone(open_window: OpenWindow, sign_in: SignIn) -> None:
    window = open_window()
    window.page.clock.install()
    page = sign_in(window, "operator", "/tenants/pescados-del-rio")
    page.get_by_role("button", name="Retirar").click()
    _confirm(page, "pescados-del-rio", "Retirar")
    expect(page.locator(".stages")).to_have_attribute("data-state", "HELD")
    expect(page.get_by_text("Hasta entonces el sitio sigue igual.")).to_be_visible()
    page.get_by_role("button", name="Cancelar el retiro").click()
    _live(page)
    _status(page, "ACTIVE")
    page.get_by_role("button", name="Retirar").click()
    _confirm(page, "pescados-del-rio", "Retirar")
    expect(page.locator(".stages")).to_have_attribute("data-state", "HELD")
    page.wait_for_timeout(GRACE)
    page.clock.fast_forward(LOOKS_AGAIN)
    _status(page, "OFFBOARDED")
    assert [row.get_attribute("data-stage") for row in page.locator("[data-stage]").all()] == OFFBOARDING
    expect(page.locator('[data-stage="ReleaseHostname"]')).to_have_attribute("data-state", "done")
    page.get_by_role("link", name="← Inquilinos").click()
    expect(page.locator('tr[data-tenant="granja"]')).to_be_visible()
    expect(page.locator('tr[data-tenant="pescados-del-rio"]')).to_have_count(0)
    page.get_by_label("Estado").select_option("removed")
    expect(page.locator('tr[data-tenant="pescados-del-rio"]')).to_contain_text("Retirado")


def test_a_change_keeps_what_somebody_else_has_changed_meanwhile(open_window: OpenWindow, sign_in: SignIn) -> None:
    page = sign_in(open_window(expected={412}), "operator", "/tenants/carnes-don-luis")
    page.get_by_role("link", name="Editar").click()
    expect(page.get_by_label("Nombre")).to_have_value("Carnes Don Luis")
    token = json.loads(page.evaluate("sessionStorage.getItem('fluxion.token')"))["token"]
    page.evaluate(
        "(token) => fetch('/api/tenants/carnes-don-luis/retry',"
        " {method: 'POST', headers: {Authorization: `Bearer ${token}`}})",
        token,
    )
    page.get_by_label("Nombre").fill("Después")
    page.get_by_role("button", name="Guardar cambios").click()
    expect(page.get_by_role("alert")).to_contain_text("Alguien lo cambió mientras tanto.")
    expect(page.get_by_label("Nombre")).to_have_value("Carnes Don Luis")
    page.get_by_label("Nombre").fill("Después")
    page.get_by_label("Color del sitio").fill("#6a1b9a")
    page.get_by_role("button", name="Guardar cambios").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Después")
    _live(page)
    expect(page.get_by_text("Carnes Don Luis → ")).to_be_visible()


def test_a_viewer_sees_everything_and_no_control(open_window: OpenWindow, site: Site, sign_in: SignIn) -> None:
    page = sign_in(open_window(), "viewer")
    methods: set[str] = set()
    page.on("request", lambda request: methods.add(request.method))
    expect(page.get_by_text("Solo lectura")).to_be_visible()
    expect(page.locator('tr[data-tenant="granja"]')).to_be_visible()
    assert page.get_by_role("link", name="Nuevo inquilino").count() == 0
    for tenant in ("granja", "frutas-del-valle"):
        page.goto(site.url("admin", f"/tenants/{tenant}"))
        expect(page.get_by_role("heading", name="Datos")).to_be_visible()
        buttons = page.get_by_role("button").all_inner_texts()
        assert set(buttons) <= {"English", "Salir", "Ver anteriores"}
        assert page.get_by_role("link", name="Editar").count() == 0
    for path in ("/new", "/tenants/granja/edit"):
        page.goto(site.url("admin", path))
        expect(page.get_by_text("Salir")).to_be_visible()
        expect(page.get_by_role("textbox")).to_have_count(0)
    assert methods == {"GET"}


def test_a_lost_connection_is_said_and_made_good(open_window: OpenWindow, sign_in: SignIn) -> None:
    page = sign_in(open_window(expected={0, 503}))
    page.route("**/api/tenants/se-corta/events*", lambda route: route.abort())
    _create(page, "se-corta")
    expect(page.get_by_text("Se cortó la conexión. Reconectando…")).to_be_visible()
    page.unroute("**/api/tenants/se-corta/events*")
    _live(page)
    _status(page, "ACTIVE")


def test_an_api_that_is_away_leaves_the_last_list_standing(open_window: OpenWindow, sign_in: SignIn) -> None:
    window = open_window(expected={0})
    window.page.clock.install()
    page = sign_in(window)
    expect(page.locator('tr[data-tenant="granja"]')).to_be_visible()
    page.route("**/api/tenants*", lambda route: route.abort())
    page.clock.fast_forward(LOOKS_AGAIN)
    expect(page.get_by_text("La lista no se pudo actualizar.")).to_be_visible()
    expect(page.locator('tr[data-tenant="granja"]')).to_be_visible()
    page.unroute("**/api/tenants*")
    page.clock.fast_forward(LOOKS_AGAIN)
    expect(page.get_by_text("La lista no se pudo actualizar.")).to_have_count(0)


def test_what_somebody_else_has_done_already_changes_nothing(
    open_window: OpenWindow, site: Site, sign_in: SignIn
) -> None:
    window = open_window()
    page = sign_in(window, "operator", "/tenants/vacia")
    page.get_by_role("button", name="Poner en pausa").click()
    page.route("**/api/tenants/vacia/suspend", lambda route: route.fulfill(
        status=202, json={"tenant_id": "vacia", "changed": False, "after": None, "etag": '"1"'}
    ))  # fmt: skip
    _confirm(page, "vacia", "Poner en pausa")
    expect(page.get_by_text("No había nada que cambiar.")).to_be_visible()
    _status(page, "ACTIVE")
