"""Which tokens open what."""

import base64
import hmac
import json

import anyio
import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from backend.problems import Refused
from backend.tokens import Issuer
from local.oidc.issuer import DevelopmentIssuer
from local.oidc.names import OPERATORS_CLIENT, PREFIX, STAFF_CLIENT
from local.oidc.tokens import Signer, operators

BASE = "fluxionia.example"
GRANJA, VECINO, ADMIN = f"granja.{BASE}", f"vecino.{BASE}", f"admin.{BASE}"
ISSUER = f"https://auth.{BASE}{PREFIX}"


_DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://a",
    "token_endpoint": "https://a",
    "jwks_uri": "https://a/keys",
}


def test_a_staff_token_opens_its_own_tenant(market, token):
    for name in ("staff", "owner"):
        assert market.ask("/api/customers", GRANJA, token=token(name, "granja")).status_code == 200


def test_without_a_token_the_answer_says_so(market):
    response = market.ask("/api/customers", GRANJA)
    assert (response.status_code, response.json()["code"]) == (401, "token_missing")
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"tenant": "vecino"}, 403, "token_foreign"),
        ({"tenant": None}, 403, "token_foreign"),
        ({"tenant": ["granja", "vecino"]}, 403, "token_foreign"),
        ({"tenant": "GRANJA"}, 403, "token_foreign"),
        ({"role": "owner"}, 403, "role_forbids"),
        ({"role": None}, 403, "role_forbids"),
        ({"role": {"staff": 1}}, 403, "role_forbids"),
        ({"aud": OPERATORS_CLIENT}, 401, "token_invalid"),
        ({"aud": None}, 401, "token_invalid"),
        ({"aud": [STAFF_CLIENT, "another"]}, 200, None),
        ({"iss": "https://evil.example"}, 401, "token_invalid"),
        ({"iss": None}, 401, "token_invalid"),
        ({"sub": None}, 401, "token_invalid"),
        ({"sub": 7}, 401, "token_invalid"),
        ({"sub": "a\nb"}, 401, "token_invalid"),
        ({"exp": 1}, 401, "token_expired"),
        ({"exp": None}, 401, "token_invalid"),
        ({"exp": "never"}, 401, "token_invalid"),
        ({"exp": 10**400}, 200, None),
        ({"nbf": 10**10}, 401, "token_invalid"),
        ({"iat": 10**10}, 401, "token_invalid"),
    ],
)
def test_every_claim_is_checked(market, token, changed, status, code):
    response = market.ask("/api/customers", GRANJA, token=token("staff", "granja", **changed))
    assert (response.status_code, response.json().get("code")) == (status, code)


def encoded(value):
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def forged(signer, token):
    """Tokens with good claims that this issuer has not signed."""
    good = token("staff", "granja")
    head, claims, signature = good.split(".")
    payload = json.loads(base64.urlsafe_b64decode(claims + "=="))
    kid = signer.key.kid
    public = signer.key.as_pem(private=False)
    none, hs256 = (encoded(json.dumps({"alg": name, "kid": kid}).encode()) for name in ("none", "HS256"))
    text = f"{hs256}.{claims}".encode()
    other = RSAKey.generate_key(2048)
    return {
        "another key under the same name": jwt.encode({"alg": "RS256", "kid": kid}, payload, other),
        "an unknown key": jwt.encode({"alg": "RS256", "kid": "x"}, payload, other),
        "its own key in the header": jwt.encode({"alg": "RS256", "jwk": other.as_dict(private=False)}, payload, other),
        "no key named": jwt.encode({"alg": "RS256"}, payload, other),
        "no signature": f"{none}.{claims}.",
        "the public key as a secret": f"{hs256}.{claims}.{encoded(hmac.digest(public, text, 'sha256'))}",
        "another algorithm of the same key": jwt.encode(
            {"alg": "PS256", "kid": kid}, payload, signer.key, algorithms=["PS256"]
        ),
        "a cut signature": f"{head}.{claims}.{signature[:-8]}",
        "other claims": f"{head}.{encoded(json.dumps(payload | {'role': 'admin'}).encode())}.{signature}",
        "no token": "x",
        "nothing but dots": "..",
        "too long": "a" * 10_000,
    }


def test_what_the_issuer_has_not_signed_opens_nothing(market, signer, token):
    for what, value in forged(signer, token).items():
        response = market.ask("/api/customers", GRANJA, token=value)
        assert (response.status_code, response.json()["code"]) == (401, "token_invalid"), what


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Basic YTpi")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer \xff")],
        [("Authorization", "Bearer a"), ("Authorization", "Bearer b")],
    ],
)
def test_one_header_holds_one_token(market, headers):
    assert market.ask("/api/customers", GRANJA, headers=headers).status_code == 401


def test_a_token_in_a_cookie_or_an_address_is_none(market, token):
    good = token("staff", "granja")
    assert market.ask("/api/customers", GRANJA, headers={"Cookie": f"token={good}"}).status_code == 401
    assert market.ask(f"/api/customers?access_token={good}", GRANJA).status_code == 401


def test_elliptic_keys_are_good_too():
    signer = Signer(ISSUER, ECKey.generate_key("P-256", auto_kid=True))
    (operator, _) = operators(BASE)

    async def ask():
        issuer = Issuer(ISSUER, transport=httpx.ASGITransport(app=DevelopmentIssuer(signer, BASE).app))
        return await issuer.caller(signer.mint(operator), OPERATORS_CLIENT)

    assert anyio.run(ask).fluxion_role == "operator"


def test_a_secret_among_the_issuers_keys_signs_nothing():
    """Whoever can read it could sign."""
    secret = OctKey.generate_key(256, {"kid": "secret"})
    (operator, _) = operators(BASE)
    claims = {"iss": ISSUER, "sub": "x", "aud": operator.client, "exp": 10**10, "fluxion_role": "operator"}
    token = jwt.encode({"alg": "HS256", "kid": "secret"}, claims, secret, algorithms=["HS256"])

    def answer(request):
        keys = {"keys": [secret.as_dict(private=True)]}
        return httpx.Response(200, json=keys if request.url.path == "/keys" else _DOCUMENT)

    async def ask():
        with pytest.raises(Refused) as refused:
            await Issuer(ISSUER, transport=httpx.MockTransport(answer)).caller(token, operator.client)
        assert refused.value.problem.code == "token_invalid"

    anyio.run(ask)


class Wire(httpx.AsyncBaseTransport):
    """The way to the issuer, which can be cut, and whose requests are counted."""

    def __init__(self, app):
        self.inner = httpx.ASGITransport(app=app)
        self.down, self.asked = False, []

    async def handle_async_request(self, request):
        self.asked.append(request.url.path)
        if self.down:
            raise httpx.ConnectError("down")
        return await self.inner.handle_async_request(request)


class World:
    def __init__(self, clock):
        self.signer = Signer(ISSUER)
        self.wire = Wire(DevelopmentIssuer(self.signer, BASE).app)
        self.issuer = Issuer(ISSUER, transport=self.wire, clock=clock)
        (self.operator, _) = operators(BASE)

    async def ask(self, token=None):
        return await self.issuer.caller(token or self.signer.mint(self.operator), OPERATORS_CLIENT)


def test_keys_that_are_known_stay_good_while_the_issuer_is_down(clock):
    async def scenario():
        world = World(clock)
        await world.ask()
        world.wire.down = True
        for _ in range(5):
            clock.now += 3600
            assert (await world.ask()).subject == f"operator@{BASE}"
            await anyio.sleep(0.01)
        assert len(world.wire.asked) > 2, "it goes on asking"

    anyio.run(scenario)


def test_an_issuer_that_never_answered_is_503_and_is_asked_again_after_a_pause(clock):
    async def scenario():
        world = World(clock)
        world.wire.down = True
        for _ in range(3):
            with pytest.raises(Refused) as refused:
                await world.ask()
            assert refused.value.problem.status == 503
        assert len(world.wire.asked) == 1
        world.wire.down = False
        clock.now += 11
        await world.ask()

    anyio.run(scenario)


def test_a_new_key_is_fetched_when_a_token_names_it_and_made_up_ones_do_not_make_requests(clock):
    async def scenario():
        world = World(clock)
        await world.ask()
        newer = Signer(ISSUER)
        world.wire.inner = httpx.ASGITransport(app=DevelopmentIssuer(newer, BASE).app)
        clock.now += 11
        assert (await world.ask(newer.mint(world.operator))).fluxion_role == "operator"
        asked = len(world.wire.asked)
        for _ in range(20):
            with pytest.raises(Refused) as refused:
                await world.ask(Signer(ISSUER, world.signer.key).mint(world.operator))
            assert refused.value.problem.status == 401
        assert len(world.wire.asked) == asked

    anyio.run(scenario)


@pytest.mark.parametrize(
    "document",
    [{}, [], _DOCUMENT | {"issuer": "https://evil.example"}, _DOCUMENT | {"jwks_uri": "http://10.0.0.1/keys"}],
)
def test_a_discovery_document_of_somebody_else_gives_no_keys(document):
    async def scenario():
        transport = httpx.MockTransport(lambda request: httpx.Response(200, json=document))
        with pytest.raises(Refused) as refused:
            await Issuer(ISSUER, transport=transport).endpoints()
        assert refused.value.problem.status == 503

    anyio.run(scenario)
