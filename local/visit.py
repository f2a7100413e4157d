"""Visit the local stack: ask its name server, open a site, and, for the operator, read the tenant's row."""

import ssl
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import httpx

from tenancy.database import TenantDatabases

_SECONDS = 10.0


def look_up(host: str, name_server: str) -> list[tuple[str, str]]:
    """Return a host's addresses as (record type, address). name_server: `host:port`; nothing else is asked."""
    server, _, port = name_server.rpartition(":")
    found = []
    for kind in ("A", "AAAA"):
        answer = dns.query.udp(dns.message.make_query(host, kind), server, port=int(port), timeout=_SECONDS)
        found += [(kind, item.to_text()) for rrset in answer.answer for item in rrset]
    return found


def site(host: str, edge_url: str, authority: str) -> tuple[httpx.Response, httpx.Response]:
    """Return the page `/` and `/api/tenant` of a host, over verified TLS; the connection goes to the edge's address."""
    context = ssl.create_default_context(cafile=authority)
    with httpx.Client(base_url=edge_url, verify=context, trust_env=False, timeout=_SECONDS) as client:
        ask: dict[str, Any] = {"headers": {"Host": host}, "extensions": {"sni_hostname": host}}
        return client.get("/", **ask), client.get("/api/tenant", **ask)


def tenant_row(directory: Path, tenant_id: str) -> dict[str, Any] | None:
    """Return the tenant's row in its own database; None if there is none."""
    databases = TenantDatabases(directory)
    try:
        with databases.open(tenant_id, "read") as connection:
            result = connection.execute("SELECT * FROM tenants WHERE tenant_id = ?", [tenant_id])
            names = [column[0] for column in result.description or ()]
            row = result.fetchone()
    finally:
        databases.close()
    return dict(zip(names, row, strict=True)) if row else None
