"""The probe asks for a site as a visitor would: name server, address, TLS, answer. Nothing is cached on the way."""

import json
import random
import socket
import ssl
import time
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import urllib3

from tenancy.domain import probe_token
from tenancy.domain.errors import SiteNotReady
from tenancy.platform import aws
from tenancy.platform.settings import ProbeSettings

_DNS_SECONDS = 3.0
_HTTP_SECONDS = 10.0
_SECRET_KEPT_SECONDS = 60.0  # as long as the backend keeps it, so that a rotated secret is known to both soon
_PATH = "/api/tenant"
# What a cache keeps apart: CloudFront User Guide, Controlling the cache key, Normalized Accept-Encoding.
_VARIANTS = ({"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "br,gzip"})


class SiteProbe:
    """A visitor with a proof (probe_token) that lets it see a site that is not active yet."""

    def __init__(self, settings: ProbeSettings) -> None:
        self._settings = settings
        self._tls = ssl.create_default_context(cafile=settings.ca_bundle or None)
        self._secrets = aws.client("secretsmanager")
        self._secret: tuple[bytes, float] | None = None

    def visit(self, tenant_id: str, host: str) -> str:
        """Visit the site once, from the name server to the answer. Returns the IPv4 address that was given and asked.

        Raises SiteNotReady, whose message says which step did not go as it should.
        """
        name_server = random.choice(self._settings.name_servers)  # noqa: S311 - spreading load, not a secret
        address = self._resolve(host, "A", name_server)
        self._resolve(host, "AAAA", name_server)
        found = self._ask(host, address)
        if found.get("tenant_id") != tenant_id:
            raise SiteNotReady(f"https://{host}{_PATH} answers for {found.get('tenant_id')!r}, not for {tenant_id!r}")
        return address

    def is_served(self, host: str) -> bool:
        """Return whether everybody gets the site. One that can't be reached is not served."""
        name_server = random.choice(self._settings.name_servers)  # noqa: S311
        try:
            address = self._resolve(host, "A", name_server)
            return any(self._get(host, address, headers).status == 200 for headers in _VARIANTS)
        except SiteNotReady:
            return False

    def _resolve(self, host: str, kind: str, name_server: str) -> str:
        server, _, port = name_server.partition(":")
        query = dns.message.make_query(host, kind)
        query.flags &= ~dns.flags.RD
        try:
            where = socket.getaddrinfo(server, int(port or 53), family=socket.AF_INET, type=socket.SOCK_DGRAM)[0][4]
            answer, _ = dns.query.udp_with_fallback(query, str(where[0]), timeout=_DNS_SECONDS, port=int(where[1]))
        except (dns.exception.DNSException, OSError) as error:
            raise SiteNotReady(f"name server {name_server} did not answer for {host} {kind}: {error}") from error
        if answer.rcode() != dns.rcode.NOERROR:
            code = dns.rcode.to_text(answer.rcode())
            raise SiteNotReady(f"name server {name_server} answers {code} for {host} {kind}")
        if not answer.flags & dns.flags.AA:
            raise SiteNotReady(f"name server {name_server} is not authoritative for {host}")
        wanted = dns.rdatatype.from_text(kind)
        addresses = sorted(str(data) for rrset in answer.answer if rrset.rdtype == wanted for data in rrset)
        if not addresses:
            raise SiteNotReady(f"name server {name_server} has no {kind} record for {host} yet")
        return addresses[0]

    def _ask(self, host: str, address: str) -> dict[str, Any]:
        token = probe_token.sign(self._probe_secret(), host, time.time())
        response = self._get(host, address, {probe_token.HEADER: token})
        if response.status != 200:
            raise SiteNotReady(f"https://{host}{_PATH} at {address} answers {response.status}")
        try:
            body = json.loads(response.data)
        except ValueError as error:
            raise SiteNotReady(f"https://{host}{_PATH} at {address} answers no JSON") from error
        return body if isinstance(body, dict) else {}

    def _get(self, host: str, address: str, headers: dict[str, str]) -> urllib3.BaseHTTPResponse:
        # A pool of one, for one request: a connection that is kept would skip TLS the second time.
        with urllib3.HTTPSConnectionPool(
            address,
            self._settings.probe_port,
            ssl_context=self._tls,
            server_hostname=host,
            assert_hostname=host,
            timeout=_HTTP_SECONDS,
            retries=False,
        ) as pool:
            try:
                return pool.request("GET", _PATH, headers={"Host": host, **headers})
            except urllib3.exceptions.HTTPError as error:
                raise SiteNotReady(f"https://{host}{_PATH} at {address}: {error}") from error

    def _probe_secret(self) -> bytes:
        if self._secret is None or time.monotonic() - self._secret[1] > _SECRET_KEPT_SECONDS:
            with aws.calls("Secrets Manager"):
                found = self._secrets.get_secret_value(SecretId=self._settings.probe_secret_arn)
            self._secret = found["SecretString"].encode(), time.monotonic()
        return self._secret[0]
