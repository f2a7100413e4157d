"""Signing in: the development issuer, and the way from its page to a token."""

import base64
import hashlib
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

from local.oidc.beside_backend import BesideBackend
from local.oidc.names import OPERATORS_CLIENT, PREFIX, STAFF_CLIENT

BASE = "fluxionia.example"
GRANJA, ADMIN = f"granja.{BASE}", f"admin.{BASE}"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def both(make_app, make_site, development_issuer, table):
    """Backend and issuer in one, as they run on a developer's machine."""
    table.put("granja", "ACTIVE")
    return make_site(BesideBackend(make_app(), development_issuer[1].app, BASE))


def authorize(site, host, client, **changed):
    asked = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": f"https://{host}/signed-in",
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changed
    return site.ask(f"{PREFIX}/authorize?{urlencode(asked)}", f"auth.{BASE}")


def exchange(site, host, code, **changed):
    given = {"code": code, "code_verifier": VERIFIER, "redirect_uri": f"https://{host}/signed-in"} | changed
    return site.ask("/api/auth/token", host, method="POST", json=given)


def code_of(response):
    assert response.status_code == 302
    return parse_qs(urlsplit(response.headers["location"]).query)["code"][0]


@pytest.mark.parametrize(
    ("host", "email", "path"),
    [
        (ADMIN, f"operator@{BASE}", "/api/tenants"),
        (ADMIN, f"viewer@{BASE}", "/api/tenants"),
        (GRANJA, f"staff@granja.{BASE}", "/api/orders"),
        (f"{GRANJA}:8443", f"owner@granja.{BASE}", "/api/orders"),
    ],
)
def test_a_page_leads_to_a_token_that_opens_what_it_should(both, host, email, path):
    told = both.ask("/api/auth", host)
    assert told.headers["cache-control"] == "no-store"
    assert told.json()["authorization_endpoint"] == f"https://auth.{BASE}{PREFIX}/authorize"
    client = told.json()["client_id"]
    page = authorize(both, host, client)
    assert page.status_code == 200
    assert "NO PASSWORDS" in page.text
    assert email in page.text
    code = code_of(authorize(both, host, client, user=email))
    token = exchange(both, host, code).json()
    assert token["token_type"] == "Bearer"
    assert 3500 < token["expires_in"] <= 3600
    assert both.ask(path, host, token=token["token"]).status_code == 200
    again = exchange(both, host, code)
    assert (again.status_code, again.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize(
    "changed",
    [
        {"code": "guessed"},
        {"code_verifier": "w" * 43},
        {"redirect_uri": f"https://admin.{BASE}:1/signed-in"},
        {"code_verifier": "short"},
        {"code": ""},
    ],
)
def test_a_code_is_worth_nothing_without_what_the_page_kept_back(both, changed):
    code = code_of(authorize(both, ADMIN, OPERATORS_CLIENT, user=f"operator@{BASE}"))
    assert exchange(both, ADMIN, **{"code": code} | changed).status_code in (400, 422)


@pytest.mark.parametrize(
    ("host", "client", "changed"),
    [
        (GRANJA, OPERATORS_CLIENT, {}),
        (ADMIN, STAFF_CLIENT, {}),
        ("evil.example", OPERATORS_CLIENT, {}),
        (f"admin.{BASE}.evil.example", OPERATORS_CLIENT, {}),
        (f"x@admin.{BASE}", "another", {}),
        (ADMIN, OPERATORS_CLIENT, {"redirect_uri": f"http://{ADMIN}/signed-in"}),
        (ADMIN, OPERATORS_CLIENT, {"redirect_uri": f"https://{ADMIN}/elsewhere"}),
        (ADMIN, OPERATORS_CLIENT, {"response_type": "token"}),
        (ADMIN, OPERATORS_CLIENT, {"code_challenge_method": "plain"}),
        (ADMIN, OPERATORS_CLIENT, {"code_challenge": ""}),
    ],
)
def test_the_issuer_sends_nobody_elsewhere(both, host, client, changed):
    response = authorize(both, host, client, user=f"operator@{BASE}", **changed)
    assert response.status_code == 400
    assert "location" not in response.headers


def test_the_issuer_is_on_its_own_host_and_the_backend_finds_it_by_the_loopback(both):
    path = f"{PREFIX}/.well-known/openid-configuration"
    outside = both.ask(path, f"auth.{BASE}:8443").json()
    assert outside["jwks_uri"] == f"https://auth.{BASE}{PREFIX}/keys"
    inside = both.ask(path, "127.0.0.1:8000").json()
    assert inside["jwks_uri"] == f"http://127.0.0.1:8000{PREFIX}/keys"
    assert inside["issuer"] == outside["issuer"]
    for host in (GRANJA, ADMIN, BASE, "evil.example"):
        assert both.ask(path, host).status_code == 404
    assert both.ask("/api/tenants", f"auth.{BASE}").status_code == 404
    assert both.ask("/healthz", "127.0.0.1").json() == {"status": "ok"}


def test_no_private_key_leaves_the_issuer(both):
    (key,) = both.ask(f"{PREFIX}/keys", f"auth.{BASE}").json()["keys"]
    assert set(key) == {"kty", "n", "e", "kid"}


def test_scripts_get_a_token_at_once(both):
    asked = urlencode({"user": f"staff@granja.{BASE}", "tenant": "granja"})
    token = both.ask(f"{PREFIX}/token-for?{asked}", f"auth.{BASE}").json()["token"]
    assert both.ask("/api/orders", GRANJA, token=token).status_code == 200
    assert both.ask(f"{PREFIX}/token-for?user=root", f"auth.{BASE}").status_code == 400


def test_an_issuer_that_is_down_is_503_for_those_who_want_to_sign_in(make_app, make_site):
    from backend.tokens import Issuer

    def fail(request):
        raise httpx.ConnectError("down")

    site = make_site(make_app(issuer=Issuer("https://issuer.example", transport=httpx.MockTransport(fail))))
    assert site.ask("/api/auth", ADMIN).status_code == 503
    assert exchange(site, ADMIN, "code").status_code == 503


@pytest.fixture
def of_cognito(make_app, make_site, development_issuer, table):
    """A backend that is told what backend.yaml tells it."""
    table.put("granja", "ACTIVE")
    changed = {"oidc_scope": "openid", "oidc_claim_prefix": "custom:"}
    app = make_app(changed=changed, issuer=None)
    app.state.issuer._transport = httpx.ASGITransport(app=development_issuer[1].app)
    return make_site(app)


def test_claims_may_have_a_prefix_and_then_count_with_it_alone(of_cognito, token):
    custom = {"custom:tenant": "granja", "custom:role": "staff", "tenant": None, "role": None}
    operator = {"custom:fluxion_role": "operator", "fluxion_role": None}

    assert of_cognito.ask("/api/orders", GRANJA, token=token("staff", "granja", **custom)).status_code == 200
    assert of_cognito.ask("/api/tenants", ADMIN, token=token("operator", **operator)).status_code == 200
    for path, host, plain in (
        ("/api/orders", GRANJA, token("staff", "granja")),
        ("/api/tenants", ADMIN, token("operator")),
        ("/api/orders", GRANJA, token("staff", "granja", **{"custom:tenant": "vecino", "custom:role": "staff"})),
    ):
        assert of_cognito.ask(path, host, token=plain).status_code == 403


def test_a_page_asks_for_the_scope_that_the_settings_say(of_cognito, both):
    assert of_cognito.ask("/api/auth", GRANJA).json()["scope"] == "openid"
    assert both.ask("/api/auth", ADMIN).json()["scope"] == "openid email"
