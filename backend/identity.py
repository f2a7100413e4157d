"""Decide who may do what, as the callers' tokens say, and exchange a page's code for a token."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

from backend.answers import problems
from backend.fields import Body
from backend.problems import NO_STORE, UNAVAILABLE, Problem, Refused
from backend.tenant_middleware import Visit
from backend.tokens import Caller, Issuer, bearer

_STAFF_ROLES = ("staff", "admin")

# For the OpenAPI document; the header itself is read below, as it was sent.
_DOCUMENTED = Security(HTTPBearer(auto_error=False, bearerFormat="JWT", description="An OpenID Connect ID token."))
_Documented = Annotated[HTTPAuthorizationCredentials | None, _DOCUMENTED]


def visit_of(request: Request) -> Visit:
    """Return which tenant the request is for."""
    visit: Visit = request.state.visit
    return visit


TheVisit = Annotated[Visit, Depends(visit_of)]


async def caller_of(request: Request) -> Caller:
    """Return whom the request's token speaks of, meant for this application. Raises Refused (401, 503)."""
    issuer: Issuer = request.app.state.issuer
    return await issuer.caller(bearer(request.headers.getlist("authorization")), request.app.state.audience)


async def staff_of(request: Request) -> Caller:
    """Return one of the staff of the tenant whose host was asked. Raises Refused."""
    caller = await caller_of(request)
    if caller.tenant != visit_of(request).tenant_id:
        raise Refused(Problem(403, "The token is of another tenant.", code="token_foreign"))
    if caller.role not in _STAFF_ROLES:
        raise Refused(Problem(403, "The token names no role here.", code="role_forbids"))
    return caller


async def _documented_staff(request: Request, _: _Documented) -> Caller:
    return await staff_of(request)


async def _viewer(request: Request, _: _Documented) -> Caller:
    caller = await caller_of(request)
    if caller.fluxion_role not in ("operator", "viewer"):
        raise Refused(Problem(403, "The token names no role here.", code="role_forbids"))
    return caller


async def _operator(caller: Annotated[Caller, Depends(_viewer)]) -> Caller:
    if caller.fluxion_role != "operator":
        raise Refused(Problem(403, "A viewer changes nothing.", code="role_forbids"))
    return caller


Staff = Annotated[Caller, Depends(_documented_staff)]
Viewer = Annotated[Caller, Depends(_viewer)]
Operator = Annotated[Caller, Depends(_operator)]

FOR_TOKENS = problems(401, 403, 503)
"""What every route that needs a token may answer besides."""

router = APIRouter(prefix="/api/auth", tags=["sign in"])


class SignIn(BaseModel):
    """Say where a page sends its visitor to sign in: authorization code with PKCE (S256)."""

    issuer: str
    authorization_endpoint: str
    client_id: str
    scope: str


class Code(Body):
    """Hold the code that the issuer gave the page, and the verifier that the page kept back."""

    code: Annotated[str, Field(min_length=1, max_length=2000)]
    code_verifier: Annotated[str, Field(min_length=43, max_length=128)]
    redirect_uri: Annotated[str, Field(min_length=1, max_length=500)]


class Token(BaseModel):
    """Give a token to be sent as ``Authorization: Bearer <token>``, which is good for ``expires_in`` seconds."""

    token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme
    expires_in: int


@router.get("", responses=problems(503))
async def sign_in(request: Request, response: Response) -> SignIn:
    """Return how to sign in for this host."""
    response.headers["Cache-Control"] = NO_STORE
    issuer: Issuer = request.app.state.issuer
    return SignIn(
        issuer=issuer.name,
        authorization_endpoint=(await issuer.endpoints()).authorization,
        client_id=request.app.state.audience,
        scope=request.app.state.scope,
    )


@router.post("/token", responses=problems(400, 401, 403, 422, 503))
async def token(request: Request, given: Code, response: Response) -> Token:
    """Exchange a code for the ID token, so that a page talks to no host but its own. The backend keeps nothing."""
    response.headers["Cache-Control"] = NO_STORE
    issuer: Issuer = request.app.state.issuer
    audience: str = request.app.state.audience
    found = await issuer.exchanged(
        {"grant_type": "authorization_code", "client_id": audience, **given.model_dump()},
    )
    text = found.get("id_token")
    if not isinstance(text, str):
        raise Refused(UNAVAILABLE)
    caller = await issuer.caller(text, audience)
    return Token(token=text, expires_in=issuer.seconds_left(caller))
