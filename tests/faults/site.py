"""The tenants' sites as the probe finds them: the zone's name servers, and the distribution in front of the backend.

Real DNS messages and a real TLS-less answer; the product's probe is not replaced, only what it talks to.
"""

import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rrset
import urllib3

from tests.faults.clock import Clock, Patches
from tests.faults.points import Kind
from tests.faults.services import CloudFront, Zone
from tests.faults.template import BASE

_ADDRESSES = {"A": "192.0.2.10", "AAAA": "2001:db8::10"}
type Cross = Callable[..., Any]


class Site:
    """Answers for the hosts of all tenants. record: a tenant's record as plain DynamoDB JSON, or None."""

    def __init__(
        self,
        cross: Cross,
        clock: Clock,
        zone: Callable[[], Zone],
        cloudfront: Callable[[], CloudFront],
        record: Callable[[str], Mapping[str, Any] | None],
        tenants: Callable[[], Path],
    ) -> None:
        self._cross, self._clock = cross, clock
        self._zone, self._cloudfront, self._record, self._tenants = zone, cloudfront, record, tenants

    def install(self, patches: Patches) -> None:
        """Everything that tenancy.tenant_probe.probe reaches the network with."""
        from tenancy.tenant_probe import probe

        address = [(socket.AF_INET, socket.SOCK_DGRAM, 17, "", ("192.0.2.53", 53))]
        lookup = SimpleNamespace(
            getaddrinfo=lambda *_, **__: address, AF_INET=socket.AF_INET, SOCK_DGRAM=socket.SOCK_DGRAM
        )
        patches.set(probe, "socket", lookup)
        patches.set(probe, "ssl", SimpleNamespace(create_default_context=lambda **_: None))
        pool = SimpleNamespace(HTTPSConnectionPool=lambda *_, **given: _Pool(self, given["server_hostname"]))
        patches.set(probe, "urllib3", SimpleNamespace(**vars(pool), exceptions=urllib3.exceptions))
        patches.set(dns.query, "udp_with_fallback", self._query)

    def _query(
        self, query: dns.message.Message, *_: Any, timeout: float, **__: Any
    ) -> tuple[dns.message.Message, bool]:
        def refusal(what: str, _: str) -> Exception:
            self._clock.sleep(timeout)
            return dns.exception.Timeout(timeout=timeout)

        question = query.question[0]
        host = question.name.to_text().rstrip(".")
        effect = lambda: (self._answer(query), False)  # noqa: E731
        return self._cross("dns", "Query", effect, detail=host, refusal=refusal)  # type: ignore[no-any-return]

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        question = query.question[0]
        host, kind = question.name.to_text().rstrip("."), dns.rdatatype.to_text(question.rdtype)
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        served = self._zone().served(host, self._clock.now)
        if not served:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        elif "AliasTarget" in served.get(kind, {}):
            answer.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, _ADDRESSES[kind]))
        return answer

    def get(self, host: str) -> SimpleNamespace:
        """GET /api/tenant, as the edge and the backend answer it to whoever may see sites that are not live yet."""

        def refusal(what: str, _: str) -> Exception:
            if what in (Kind.TIMEOUT_BEFORE, Kind.TIMEOUT_AFTER):
                self._clock.sleep(10.0)
            return urllib3.exceptions.ProtocolError(f"{what} (injected)")

        return self._cross("https", "Get", lambda: self._page(host), detail=host, refusal=refusal)  # type: ignore[no-any-return]

    def _page(self, host: str) -> SimpleNamespace:
        aliases = self._cloudfront().aliases[self._cloudfront().ours]
        tenant_id = host.removesuffix(f".{BASE}")
        record = self._record(tenant_id)
        if (host not in aliases and f"*.{BASE}" not in aliases) or record is None:
            return SimpleNamespace(status=404, data=b"{}")
        database = record.get("database_path", {}).get("S")
        if not database or not (self._tenants() / database).is_file():
            return SimpleNamespace(status=503, data=b"{}")
        return SimpleNamespace(status=200, data=json.dumps({"tenant_id": tenant_id}).encode())


class _Pool:
    def __init__(self, site: Site, host: str) -> None:
        self._site, self._host = site, host

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def request(self, *_: Any, **__: Any) -> SimpleNamespace:
        return self._site.get(self._host)
