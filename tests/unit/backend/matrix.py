"""Every route of a tenant's site, and every way to ask it for another tenant's data: as requests, which one test hands
to the application itself, one to a server's socket, and one to the edge in front of that.
"""

import json
import socket
import ssl
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPResponse
from typing import Any

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

type Route = tuple[str, str]

CHANGES: tuple[Route, ...] = (
    ("POST", "/api/products"), ("PATCH", "/api/products/{product_id}"), ("POST", "/api/orders"),
    ("PATCH", "/api/orders/{order_id}"), ("POST", "/api/customers"), ("PATCH", "/api/customers/{customer_id}"),
)  # fmt: skip
READS: tuple[Route, ...] = tuple(
    ("GET", path)
    for path in (
        "/api/tenant", "/api/products", "/api/products?view=all", "/api/products/{product_id}",
        "/api/products/{product_id}?view=all", "/api/orders", "/api/orders?customer_id={customer_id}",
        "/api/orders/{order_id}", "/api/customers", "/api/customers/{customer_id}",
    )
)  # fmt: skip
ROUTES = READS + CHANGES
PUBLIC = {
    ("GET", "/api/tenant"), ("GET", "/api/products"), ("GET", "/api/products/{product_id}"), ("POST", "/api/orders"),
}  # fmt: skip
"""What needs no token."""
KEPT = tuple(route for route in READS if route in PUBLIC)
"""What the edge keeps."""
WITHOUT_DATA = {("GET", "/healthz"), ("GET", "/api/auth"), ("POST", "/api/auth/token")}
REFUSED = {400, 403, 404}
"""What may be answered to who names no host, or two."""


def routes_of(app: FastAPI) -> set[Route]:
    """All routes that an application has, whether its document has them or not; but for the document itself."""
    found = (context for context in iter_route_contexts(app.routes) if isinstance(context.route, APIRoute))
    return {(method, str(context.path)) for context in found for method in context.methods or ()}


def untried(app: FastAPI) -> set[Route]:
    """Routes that no request of this module asks for: none, or else somebody has forgotten one."""
    return routes_of(app) - WITHOUT_DATA - {(method, path.partition("?")[0]) for method, path in ROUTES}


@dataclass(frozen=True)
class Tenant:
    """One with a product, a customer and an order that nobody else has. ids: theirs, by the names of parameters."""

    tenant_id: str
    name: str
    host: str
    token: str
    ids: Mapping[str, str]

    def marks(self) -> list[str]:
        """What stands in no answer but its own, in lower case."""
        own = self.tenant_id
        told = (f'"{own}"', f"tenant:{own}", f"secreto de {own}", f"cliente de {own}", f"{own}-mail", self.name)
        return [text.lower() for text in (self.host, *told, *self.ids.values())]

    def is_in(self, text: str) -> bool:
        """Whether an answer has anything of it."""
        return any(mark in text.lower() for mark in self.marks())


def order(tenant_id: str, product_id: str) -> dict[str, Any]:
    customer = {"name": f"Cliente de {tenant_id}", "email": f"cliente@{tenant_id}-mail.example"}
    return {"customer": customer, "lines": [{"product_id": product_id, "quantity": 1}]}


def settled(ask: Any, tenant_id: str, name: str, host: str, token: str) -> Tenant:
    """A live tenant's product, order and customer. ask(path, host, method=, json=, token=): gives a response."""
    product = {"product_id": f"solo-{tenant_id}", "name": f"Secreto de {tenant_id}", "category": "Zz", "unit": "kg"}
    made = ask("/api/products", host, method="POST", json=product | {"price_cents": 1}, token=token)
    assert made.status_code == 201
    placed = ask("/api/orders", host, method="POST", json=order(tenant_id, f"solo-{tenant_id}")).json()
    (customer,) = ask("/api/customers", host, token=token).json()["items"]
    ids = {name: made[name] for made in (product, placed, customer) for name in made if name.endswith("_id")}
    return Tenant(tenant_id, name, host, token, ids)


@dataclass(frozen=True)
class Request:
    """target: as it stands in the request line. hosts: one Host field each."""

    method: str
    target: str
    hosts: tuple[str, ...]
    token: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    json: Any = None

    def on_the_wire(self) -> bytes:
        """As a client sends it that may send anything."""
        content = b"" if self.json is None else json.dumps(self.json).encode()
        fields = [("Host", host) for host in self.hosts] + list(self.headers)
        fields += [("Authorization", f"Bearer {self.token}")] if self.token else []
        fields += [("Content-Type", "application/json"), ("Content-Length", str(len(content)))] if content else []
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1") + content


def asked(
    route: Route,
    ids: Mapping[str, str],
    *hosts: str,
    token: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    prefix: str = "",
) -> Request:
    """A request to a route about what has these ids."""
    bodies: dict[Route, Any] = {
        ("POST", "/api/products"): {"name": "Nuevo", "category": "C", "unit": "kg", "price_cents": 1},
        ("PATCH", "/api/products/{product_id}"): {"price_cents": 2},
        ("POST", "/api/orders"): order("nadie", ids["product_id"]),
        ("PATCH", "/api/orders/{order_id}"): {"note": "n"},
        ("POST", "/api/customers"): {"name": "Nueva"},
        ("PATCH", "/api/customers/{customer_id}"): {"phone": "300 1"},
    }
    method, path = route
    return Request(method, prefix + path.format(**ids), hosts, token, headers, bodies.get(route))


def own(route: Route, own: Tenant, other: Tenant) -> Iterator[Request]:
    """What the tenant's own data answers: however its host is written, whatever other headers say of the other."""
    names = ("X-Forwarded-Host", "X-Forwarded-Server", "X-Original-Host", "X-Host", "X-HTTP-Host-Override")
    misleading = (
        *((name, other.host) for name in names),
        ("Forwarded", f"host={other.host}"),
        ("X-Tenant-Id", other.tenant_id),
    )
    for host in (own.host, own.host.upper(), f"{own.host}:443", f"{own.host}:8443", f"{own.host}."):
        for headers in ((), misleading) if route in READS else (misleading,):
            yield asked(route, own.ids, host, token=own.token, headers=headers)
            if route in KEPT:
                yield asked(route, own.ids, host, headers=headers)


def foreign(route: Route, own: Tenant, other: Tenant) -> Iterator[tuple[str, Request, set[int]]]:
    """(how the other's data is asked for, the request, which statuses may be answered)."""
    answered = {200, 201} if route in PUBLIC else {403}
    by_id = {404} if "{" in route[1].partition("?")[0] else {422} if route == ("POST", "/api/orders") else {200, 201}
    mine, theirs = own.host, other.host
    yield "by its ids", asked(route, other.ids, mine, token=own.token), by_id
    yield "with its token", asked(route, own.ids, mine, token=other.token), answered
    yield "with its token by its ids", asked(route, other.ids, mine, token=other.token), answered | by_id
    if route not in PUBLIC:
        yield "on its host", asked(route, other.ids, theirs, token=own.token), {403}
        yield "without a token", asked(route, other.ids, theirs), {401}
    for what, hosts, prefix in (
        ("as a whole URI", (mine,), f"http://{theirs}"),
        ("as a whole URI, by https", (mine,), f"https://{theirs}"),
        ("as a whole URI beside its host", (theirs,), f"http://{mine}"),
        ("by a second host", (mine, theirs), ""),
        ("by a first host", (theirs, mine), ""),
        ("by two hosts in one", (f"{mine}, {theirs}",), ""),
        ("by a host with somebody before it", (f"{mine}@{theirs}",), ""),
        ("by a host below its own", (f"{mine.partition('.')[0]}.{theirs}",), ""),
        ("without a host", (), ""),
    ):
        yield what, asked(route, other.ids, *hosts, token=own.token, prefix=prefix), REFUSED


# --- over a socket ----------------------------------------------------------------------------------------------------


def answer_of(address: tuple[str, int], request: Request, tls: ssl.SSLContext | None = None) -> tuple[int, str]:
    """(status, head and body) of the answer to a request, sent as bytes on a connection of its own: no client library
    sends two hosts, or a whole URI.
    """
    with (
        socket.create_connection(address, 10) as plain,
        tls.wrap_socket(plain, server_hostname=address[0]) if tls else plain as connection,
    ):
        connection.sendall(request.on_the_wire())
        answer = HTTPResponse(connection, method=request.method)
        answer.begin()
        body = answer.read().decode()
    return answer.status, f"{answer.headers}\n{body}"


def own_is_shown(
    client: httpx.Client, of: Tenant, other: Tenant, routes: Iterable[Route] = READS
) -> Counter[tuple[Route, str | None]]:
    """Its own data answers, and nothing of the other one. Returns how often each route was a hit or a miss."""
    kept = Counter[tuple[Route, str | None]]()
    for route in routes:
        for request in own(route, of, other):
            fields = [("Host", request.hosts[0]), *request.headers]
            fields += [("Authorization", f"Bearer {request.token}")] if request.token else []
            answer = client.request(request.method, request.target, headers=fields, json=request.json)
            text = f"{answer.headers}\n{answer.text}"
            assert answer.status_code == (201 if route[0] == "POST" else 200), (request, answer.text)
            assert not other.is_in(text), request
            assert of.is_in(text) or route not in READS, request
            kept[route, answer.headers.get("x-cache")] += 1
    return kept


def foreign_is_not_shown(
    address: tuple[str, int], of: Tenant, other: Tenant, tls: ssl.SSLContext | None = None
) -> None:
    """Nothing of the other one comes, however it is asked for."""
    for route in ROUTES:
        for what, request, statuses in foreign(route, of, other):
            status, text = answer_of(address, request, tls)
            assert status in statuses, (what, request, text)
            assert not other.is_in(text), (what, request)
