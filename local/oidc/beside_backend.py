"""Serve the backend and, on ``auth.<base domain>``, the development issuer in one process, behind the edge.

Run it with ``uvicorn --factory local.oidc.beside_backend:from_environment``, with the backend's own settings.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.app import from_environment as backend_from_environment
from backend.settings import BackendSettings
from local.oidc.issuer import DevelopmentIssuer
from local.oidc.names import PREFIX
from local.oidc.tokens import Signer

_LOOPBACK = ("127.0.0.1", "[::1]")


class BesideBackend:
    """A pair of applications that the Host header tells apart. The backend itself is asked by the loopback address."""

    def __init__(self, backend: ASGIApp, issuer: ASGIApp, base_domain: str) -> None:
        self._backend, self._issuer = backend, issuer
        self._hosts = {f"auth.{base_domain}", *_LOOPBACK}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._issuer if scope["type"] == "http" and self._is_for_issuer(scope) else self._backend
        await app(scope, receive, send)

    def _is_for_issuer(self, scope: Scope) -> bool:
        hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not scope["path"].startswith(f"{PREFIX}/"):
            return False
        name, colon, port = hosts[0].rpartition(":")
        return (name if colon and port.isdecimal() else hosts[0]) in self._hosts


def from_environment() -> ASGIApp:
    """Return both applications, configured by the environment variables."""
    settings = BackendSettings.from_environment()
    issuer = DevelopmentIssuer(Signer(settings.oidc_issuer), settings.base_domain)
    return BesideBackend(backend_from_environment(), issuer.app, settings.base_domain)
