"""What visitors get through the deployed edge: nothing of another tenant; and all that is theirs while things happen
behind it: an outage of AWS, another tenant's change.
"""

import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.oidc.names import PREFIX
from local_aws.client import Faults
from tenancy.database import TenantDatabases
from tests import endurance
from tests.unit.backend import matrix

from .embedded import EmbeddedAws, eventually

pytestmark = pytest.mark.embedded_aws

DOWN_SECONDS = 6  # in the short form: tests/endurance.py
HIT, MISS = "Hit from cloudfront", "Miss from cloudfront"
OUTAGES: tuple[dict[str, Any], ...] = (
    {"latency_seconds": 5},  # longer than the backend's patience
    {"error": {"code": "ServiceUnavailable", "status": 503}},
    {"timeout": "before"},
)
"""How AWS can be gone: it does not answer, it answers with errors, it cuts connections."""
VISITORS = 2


def token_of(aws: EmbeddedAws, tenant: str) -> str:
    """A token of the tenant's staff, from the development issuer."""
    user = f"staff@{aws.host(tenant)}"
    answer = aws.get(aws.host("auth"), f"{PREFIX}/token-for?user={user}&tenant={tenant}")
    return str(answer.json()["token"])


@dataclass
class Shoppers:
    """Who visits some sites all the time, reads what the edge keeps and what it does not, and orders."""

    aws: EmbeddedAws
    answered: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    orders: dict[str, list[str]] = field(default_factory=dict)

    @contextmanager
    def visiting(self, tenants: Sequence[str]) -> Iterator[None]:
        """Inside, several at once for each tenant."""
        tokens = {tenant: token_of(self.aws, tenant) for tenant in tenants}
        self.orders |= {tenant: [] for tenant in tenants}
        over = threading.Event()
        threads = [
            threading.Thread(target=self._visit, args=(tenant, number, tokens[tenant], over))
            for tenant in tenants
            for number in range(VISITORS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _visit(self, tenant: str, number: int, token: str, over: threading.Event) -> None:
        with self.aws.visitor(self.aws.host(tenant)) as visitor:
            count = 0
            while not over.is_set():
                count += 1
                for what, request in self._requests(visitor, f"{tenant}-{number}-{count:06d}", token):
                    try:
                        self._judge(tenant, what, visitor.send(request))
                    except httpx.HTTPError as error:
                        self.wrong.append(f"{what} {tenant}: {type(error).__name__}")

    @staticmethod
    def _requests(visitor: httpx.Client, mark: str, token: str) -> Iterator[tuple[str, httpx.Request]]:
        """mark: what no other request has, so that no cache knows the answer."""
        order = {
            "customer": {"name": f"Cliente {mark}", "phone": "300 1"},
            "lines": [{"product_id": "lulo", "quantity": 1}],
            "note": mark,
        }
        key, bearer = {"Idempotency-Key": f"pedido-{mark}"}, {"Authorization": f"Bearer {token}"}
        yield "site", visitor.build_request("GET", f"/api/tenant?past={mark}")
        yield "kept", visitor.build_request("GET", "/api/tenant")
        yield "catalogue", visitor.build_request("GET", f"/api/products?q=a&past={mark}")
        yield "orders", visitor.build_request("GET", "/api/orders?limit=1", headers=bearer)
        yield "order", visitor.build_request("POST", "/api/orders", json=order, headers=key)

    def _judge(self, tenant: str, what: str, answer: httpx.Response) -> None:
        if answer.status_code != (201 if what == "order" else 200):
            self.wrong.append(f"{what} {tenant}: {answer.status_code} {answer.text[:200]}")
            return
        self.answered[f"{what}, {answer.headers['x-cache'].partition(' ')[0].lower()}"] += 1
        told = answer.json()
        if what in ("site", "kept") and told["tenant_id"] != tenant:
            self.wrong.append(f"{what} {tenant}: {told['tenant_id']}'s")
        if what == "orders" and not all(item["note"].startswith(f"{tenant}-") for item in told["items"]):
            self.wrong.append(f"{what} {tenant}: another's")
        if what == "order":
            self.orders[tenant].append(told["order_id"])


def go_down(faults: Faults, seconds: float) -> list[int]:
    """AWS is gone for so long, in each way in turn and never back in between. How many calls each way has struck."""
    struck, before = [], None
    for way in OUTAGES:
        rule = faults.add(**way)
        if before:
            faults.clear(before.id)
        time.sleep(seconds / len(OUTAGES))
        struck.append(rule.hits)
        before = rule
    return struck


def orders_in(aws: EmbeddedAws, tenant: str) -> list[str]:
    """What DuckDB has."""
    databases = TenantDatabases(Path(aws.environment["FLUXION_DATA_DIR"]), idle_after=0)
    with databases.open(tenant, "read") as connection:
        return [str(order) for (order,) in connection.execute("SELECT order_id FROM orders").fetchall()]


def test_known_sites_endure_an_outage_of_aws_without_one_error(embedded_aws: EmbeddedAws, faults: Faults) -> None:
    """DynamoDB and everything of the control plane is down; sites are read and ordered from as ever."""
    tenants = [f"firme-{number}" for number in range(4)]
    embedded_aws.onboard_all(tenants)
    shoppers, seconds = Shoppers(embedded_aws), endurance.seconds(DOWN_SECONDS)

    with shoppers.visiting(tenants):
        eventually(lambda: shoppers.answered["order, miss"] >= len(tenants), "the first orders")
        before = shoppers.answered.copy()
        struck = go_down(faults, seconds)
        stranger = embedded_aws.get(embedded_aws.host("nadie-lo-vio"))
        during = shoppers.answered - before
        faults.clear()

    endurance.tell("AWS down", seconds=seconds, calls_struck=struck, answered=dict(during), wrong=len(shoppers.wrong))
    assert shoppers.wrong == []
    assert all(struck), "or else it was not down"
    assert stranger.status_code == 503, "nothing is known of who was not there before"
    for what in ("site, miss", "kept, hit", "catalogue, miss", "orders, miss", "order, miss"):
        assert during[what] >= len(tenants), what
    for tenant in tenants:
        assert sorted(orders_in(embedded_aws, tenant)) == sorted(shoppers.orders[tenant])
    eventually(lambda: embedded_aws.get(embedded_aws.host("nadie-lo-vio")).status_code == 404, "AWS is back", 15)


def test_a_changed_name_is_seen_in_five_seconds_and_the_neighbour_stays_in_the_cache(embedded_aws: EmbeddedAws) -> None:
    own, other = "renombrada", "inalterada"
    embedded_aws.onboard_all((own, other))
    pages = ("/api/tenant", "/api/products", "/api/products/lulo")
    ages: dict[str, list[int]] = {page: [] for page in pages}
    with (
        embedded_aws.visitor(embedded_aws.host(own)) as visitor,
        embedded_aws.visitor(embedded_aws.host(other)) as neighbour,
        embedded_aws.trail() as trail,
    ):
        for page in pages:
            for anybody in (visitor, neighbour):
                anybody.get(page)
                assert anybody.get(page).headers["x-cache"] == HIT

        def is_seen() -> bool:
            for page in pages:
                kept = neighbour.get(page)
                assert kept.headers["x-cache"] == HIT, page
                ages[page].append(int(kept.headers["age"]))
            return bool(visitor.get("/api/tenant").json()["name"] == "Otro nombre")

        began = time.monotonic()
        embedded_aws.tenants.update_item(
            Key={"tenant_id": own},
            UpdateExpression="SET #name = :name",
            ExpressionAttributeNames={"#name": "name"},
            ExpressionAttributeValues={":name": "Otro nombre"},
        )
        eventually(is_seen, "the new name", 5)
        took = time.monotonic() - began
        for page in pages[1:]:
            assert visitor.get(page).headers["x-cache"] == MISS, "its tag is on all of its pages"
        assert visitor.get("/api/tenant").headers["x-cache"] == HIT, "and it is kept again"
        assert embedded_aws.settled(own, attempt=2)["status"] == "ACTIVE"
        is_seen()

    endurance.tell("a changed name", seconds=round(took, 2), hits_of_the_neighbour=sum(map(len, ages.values())))
    assert trail.count("CreateInvalidation") == 1
    assert all(found == sorted(found) for found in ages.values()), "they are the same answers, and grow older"


def test_the_deployed_edge_shows_nobody_what_is_the_others_or_was_kept_for_the_other(embedded_aws: EmbeddedAws) -> None:
    """With the template's own behaviours and policies. Filled in both orders: tests/local/test_edge_backend.py."""
    names = ("isla-uno", "isla-dos")
    embedded_aws.onboard_all(names)
    edge = httpx.URL(embedded_aws.environment["FLUXION_EDGE_URL"])
    tls = ssl.create_default_context(cafile=embedded_aws.environment["FLUXION_CA"])
    with httpx.Client(base_url=edge, verify=tls) as viewer:

        def ask(
            path: str, host: str, method: str = "GET", json: Any = None, token: str | None = None
        ) -> httpx.Response:
            headers = {"Host": host} | ({"Authorization": f"Bearer {token}"} if token else {})
            return viewer.request(method, path, json=json, headers=headers)

        one, two = (
            matrix.settled(ask, name, f"Mercado {name}", embedded_aws.host(name), token_of(embedded_aws, name))
            for name in names
        )
        for own, other in ((one, two), (two, one)):
            matrix.own_is_shown(viewer, own, other, matrix.KEPT)
        for own, other in ((one, two), (two, one)):
            matrix.foreign_is_not_shown((edge.host, edge.port or 443), own, other, tls)
            kept = matrix.own_is_shown(viewer, own, other)
            for route in matrix.READS:
                hits = kept[route, HIT]
                assert hits > 5 if route in matrix.KEPT else hits == 0, (route, hits)
