"""The development issuer as a web application, below one path: discovery, keys, authorization code with PKCE.

It asks nobody for a password, so it exists on this machine only: whoever can open its page can be anybody.
"""

import base64
import hashlib
import hmac
import html
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from local.oidc.names import OPERATORS_CLIENT, PREFIX, STAFF_CLIENT
from local.oidc.tokens import LIFETIME_SECONDS, Signer, User, operators, staff

_SIGNED_IN = "/signed-in"
_CODE_SECONDS = 60.0
_MOST_CODES = 1000
_NO_STORE = {"Cache-Control": "no-store"}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in (development)</title>
</head>
<body><main>
<h1>DEVELOPMENT ONLY: NO PASSWORDS</h1>
<p>This page stands on your machine in the place of the real one. Choose who you are for {host}:</p>
<ul>
{links}
</ul>
</main></body>
</html>
"""


@dataclass(frozen=True)
class _Grant:
    user: User
    redirect_uri: str
    challenge: str
    until: float


class DevelopmentIssuer:
    """The issuer as an application. signer: its name is this application's, ``https://auth.<base domain>/api/oidc``."""

    def __init__(self, signer: Signer, base_domain: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._signer = signer
        self._base_domain = base_domain
        self._tenant_host = re.compile(rf"([a-z0-9-]+)\.{re.escape(base_domain)}")
        self._clock = clock
        self._grants: dict[str, _Grant] = {}
        self.app = Starlette(
            routes=[
                Route(f"{PREFIX}/.well-known/openid-configuration", self._discovery),
                Route(f"{PREFIX}/keys", self._keys),
                Route(f"{PREFIX}/authorize", self._authorize),
                Route(f"{PREFIX}/token", self._token, methods=["POST"]),
                Route(f"{PREFIX}/token-for", self._token_for),
            ]
        )

    async def _discovery(self, request: Request) -> Response:
        # Browsers come through the edge, and the backend comes straight: each is told of the way that it came.
        asked = f"{request.url.scheme}://{request.url.netloc}{PREFIX}"
        back = asked if request.url.hostname in ("127.0.0.1", "::1") else self._signer.issuer
        document = {
            "issuer": self._signer.issuer,
            "authorization_endpoint": f"{self._signer.issuer}/authorize",
            "token_endpoint": f"{back}/token",
            "jwks_uri": f"{back}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "email"],
        }
        return JSONResponse(document, headers=_NO_STORE)

    async def _keys(self, _: Request) -> Response:
        return JSONResponse(self._signer.public_keys(), headers=_NO_STORE)

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        redirect_uri = asked.get("redirect_uri", "")
        users = self._users(asked.get("client_id", ""), redirect_uri)
        if not users:
            return _refused("invalid_client", "no such client, or not from this address")
        if (asked.get("response_type"), asked.get("code_challenge_method")) != ("code", "S256"):
            return _refused("invalid_request", "response_type is code, code_challenge_method is S256")
        challenge = asked.get("code_challenge", "")
        if len(challenge) != 43:
            return _refused("invalid_request", "code_challenge is missing, or is none")
        user = next((user for user in users if user.email == asked.get("user")), None)
        if user is None:
            return HTMLResponse(self._page(request, users, redirect_uri), headers=_NO_STORE)
        code = self._granted(_Grant(user, redirect_uri, challenge, self._clock() + _CODE_SECONDS))
        answer = {"code": code} | ({"state": asked["state"]} if "state" in asked else {})
        return RedirectResponse(f"{redirect_uri}?{urlencode(answer)}", 302, headers=_NO_STORE)

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode("utf-8", "replace")).items()}
        grant = self._grants.pop(form.get("code", ""), None)
        good = (
            grant is not None
            and grant.until >= self._clock()
            and form.get("grant_type") == "authorization_code"
            and form.get("client_id") == grant.user.client
            and form.get("redirect_uri") == grant.redirect_uri
            and hmac.compare_digest(_challenge_of(form.get("code_verifier", "")), grant.challenge)
        )
        if not good or grant is None:
            return _refused("invalid_grant", "the code is unknown, used, too old or somebody else's")
        token = self._signer.mint(grant.user)
        answer = {"id_token": token, "access_token": token, "token_type": "Bearer", "expires_in": LIFETIME_SECONDS}
        return JSONResponse(answer, headers=_NO_STORE)

    async def _token_for(self, request: Request) -> Response:
        """Return a token at once, for scripts: ``?user=operator@…``, or ``?user=staff@<tenant>.…&tenant=<tenant>``."""
        tenant_id = request.query_params.get("tenant")
        users = staff(tenant_id, self._base_domain) if tenant_id else operators(self._base_domain)
        user = next((user for user in users if user.email == request.query_params.get("user")), None)
        if user is None:
            return _refused("invalid_request", f"user is one of: {', '.join(user.email for user in users)}")
        return JSONResponse({"token": self._signer.mint(user)}, headers=_NO_STORE)

    def _users(self, client: str, redirect_uri: str) -> list[User]:
        """Return who may sign in for a client at an address; nobody if the two do not belong together."""
        parts = urlsplit(redirect_uri)
        match = self._tenant_host.fullmatch(parts.hostname or "")
        if parts.scheme != "https" or parts.path != _SIGNED_IN or parts.query or parts.fragment or match is None:
            return []
        if client == OPERATORS_CLIENT and match[1] == "admin":
            return operators(self._base_domain)
        if client == STAFF_CLIENT and match[1] != "admin":
            return staff(match[1], self._base_domain)
        return []

    def _granted(self, grant: _Grant) -> str:
        now = self._clock()
        self._grants = {code: kept for code, kept in self._grants.items() if kept.until >= now}
        if len(self._grants) >= _MOST_CODES:
            self._grants.clear()
        code = secrets.token_urlsafe(32)
        self._grants[code] = grant
        return code

    def _page(self, request: Request, users: list[User], redirect_uri: str) -> str:
        links = (
            (user, f"{PREFIX}/authorize?{urlencode({**request.query_params, 'user': user.email})}") for user in users
        )
        items = (
            f'<li><a href="{html.escape(link)}">{user.words} {html.escape(user.email)}</a></li>' for user, link in links
        )
        return _PAGE.format(host=html.escape(urlsplit(redirect_uri).hostname or ""), links="\n".join(items))


def _challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _refused(error: str, words: str) -> Response:
    return JSONResponse({"error": error, "error_description": words}, 400, headers=_NO_STORE)
