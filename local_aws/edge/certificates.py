"""TLS of the edge: one authority per state folder, a certificate per list of names, chosen by SNI."""

import ssl
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import trustme

from local_aws.edge.routing import best_certificate

_DEFAULT_NAMES = ("localhost", "127.0.0.1", "::1", "*.cloudfront.net")


class Certificates:
    """A store that issues and selects certificates.

    current: the name lists of the certificates that deployed distributions have now.
    A client without SNI, or with a name that no certificate covers, gets the default certificate: the Host field alone
    decides the content.
    """

    def __init__(self, ca_file: Path, current: Callable[[], Iterable[tuple[str, ...]]]) -> None:
        self._authority = trustme.CA(organization_name="Local AWS", organization_unit_name="edge")
        self._authority.cert_pem.write_to_path(str(ca_file))
        self._current = current
        self._contexts: dict[tuple[str, ...], ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def server_context(self) -> ssl.SSLContext:
        """Return the context to listen with."""
        context = self._context(_DEFAULT_NAMES)
        context.sni_callback = self._select
        return context

    def _select(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        names = best_certificate(name, self._current())
        if names is not None:
            connection.context = self._context(names)

    def _context(self, names: tuple[str, ...]) -> ssl.SSLContext:
        with self._lock:
            context = self._contexts.get(names)
            if context is None:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.minimum_version = ssl.TLSVersion.TLSv1_2
                context.set_alpn_protocols(["http/1.1"])
                self._authority.issue_cert(*names).configure_cert(context)
                self._contexts[names] = context
            return context
