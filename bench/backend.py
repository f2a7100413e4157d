"""Measure what it costs the backend to find out whose a request is, and how it fares with many tenants. All is in one
process, without a network: the whole application is asked as a server asks it.

- `detection`: one application that only says "ok", behind the tenant middleware and without it, in turn: `us` is the
  difference of the medians, in microseconds a request.
- `many`: requests a second to that application for one tenant and for a thousand in turn, all of them known;
  `ratio` is the second to the first.
- `open files`: the same to `/api/tenant`, which reads the tenant's file, for one tenant and for fifty in turn, whose
  files stay open in between, as a file does that is read at least every two seconds.
- `cold files`: the same for a thousand in turn, the worst case, since no file is open when its turn comes. No bound,
  and far from 0.8: it is the price of a file for each tenant. The edge keeps the answer for five minutes.
- `opening`: where that price comes from, in milliseconds: `ms` to open a file through `tenancy.database` and to read a
  row, of which `engine_ms` makes and ends an engine without a file. Each tenant has an engine of its own, so that no
  statement can reach another's file, and it takes some 3 MB: too much to keep a thousand open.
- `memory`: what it takes to know ten thousand tenants, in MB of 2**20 bytes.
"""

import asyncio
import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.app import create_app
from backend.directory import TenantDirectory
from backend.probe_secret import ProbeSecret
from backend.settings import BackendSettings
from backend.tenant_middleware import TenantMiddleware
from control.tables import ControlPlane
from tenancy.database import TenantDatabases, TenantSeeder
from tenancy.database.engine import in_memory

TITLE = "backend: detection ≤ 0.1 ms, 1,000 tenants as fast as one, 10,000 known in ≤ 100 MB"
BASE = "fluxionia.example"
BOUND_US, BOUND_RATIO, BOUND_MB = 100.0, 0.8, 100.0
ROUNDS, WARM_UP = 4000, 200
MANY, OPEN, KNOWN = 1000, 50, 10_000
_FILE_REQUESTS = 300
_OPENED = 100
SMALL = {"ROUNDS": 50, "WARM_UP": 5, "MANY": 12, "OPEN": 3, "KNOWN": 100, "_FILE_REQUESTS": 3, "_OPENED": 3}


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield one row a figure; `met` where it has a bound."""
    with TemporaryDirectory() as name:
        settings = _settings(Path(name))
        say(f"detection: {ROUNDS} requests each way")
        yield asyncio.run(_detection(settings))
        say(f"{MANY} tenants: requests to an application that only says ok")
        yield asyncio.run(_many(settings))
        say(f"{MANY} tenants: seeding their files, then asking for each")
        yield from _files(settings, Path(name))
        yield asyncio.run(_memory())


class _Table:
    """A table in which every tenant is live."""

    def get_item(self, **_: Any) -> dict[str, Any]:
        return {"Item": {"status": {"S": "ACTIVE"}}}


def _settings(folder: Path) -> BackendSettings:
    (folder / "tenants").mkdir()
    return BackendSettings(
        tenants_table="tenants",
        provisioning_table="provisioning",
        tenants_directory=folder / "tenants",
        base_domain=BASE,
        oidc_issuer="https://issuer.example",
        oidc_operators_client="operators",
        oidc_staff_client="staff",
        probe_secret="none",  # noqa: S106 - there is no probe
    )


def _names(count: int) -> list[str]:
    return [f"tienda-{number:05d}" for number in range(count)]


async def _ok(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("ok")(scope, receive, send)


def _detecting(settings: BackendSettings) -> TenantMiddleware:
    # As fresh as it gets: a bench of some seconds must not measure the stand-in of the table.
    directory = TenantDirectory("provisioning", client=_Table(), fresh_seconds=3600)
    secret = ProbeSecret(settings)
    return TenantMiddleware(_ok, base_domain=BASE, directory=directory, probe_secret=secret, platform={})


def _scope(tenant_id: str, path: str = "/api/tenant") -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [
            (b"host", f"{tenant_id}.{BASE}".encode()),
            (b"accept", b"*/*"),
            (b"user-agent", b"bench"),
            (b"accept-encoding", b"gzip, br"),
            (b"x-forwarded-for", b"192.0.2.7"),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def _ask(app: ASGIApp, scope: Scope) -> None:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"answered {message['status']}")

    await app(scope, receive, send)


async def _detection(settings: BackendSettings) -> dict[str, Any]:
    with_it, without = _detecting(settings), _ok
    times: dict[ASGIApp, list[float]] = {with_it: [], without: []}
    for number in range(WARM_UP + ROUNDS):
        order = (with_it, without) if number % 2 else (without, with_it)  # nobody always goes first
        for app in order:
            scope = _scope("granja")
            began = time.perf_counter()
            await _ask(app, scope)
            if number >= WARM_UP:
                times[app].append((time.perf_counter() - began) * 1e6)
    took = statistics.median(times[with_it]) - statistics.median(times[without])
    return {"what": "detection", "us": round(took, 1), "bound": BOUND_US, "met": took <= BOUND_US}


async def _rate(app: ASGIApp, names: Sequence[str], requests: int) -> float:
    scopes = [_scope(names[number % len(names)]) for number in range(requests)]
    began = time.perf_counter()
    for scope in scopes:
        await _ask(app, scope)
    return requests / (time.perf_counter() - began)


async def _many(settings: BackendSettings) -> dict[str, Any]:
    app, one, many = _detecting(settings), _names(1), _names(MANY)
    await _rate(app, many, MANY)
    rates: dict[int, list[float]] = {1: [], MANY: []}
    for _ in range(5):
        for names in (one, many):
            rates[len(names)].append(await _rate(app, names, 2 * MANY))
    alone, together = statistics.median(rates[1]), statistics.median(rates[MANY])
    return {"what": "many", **_rates(alone, together), "bound": BOUND_RATIO, "met": together / alone >= BOUND_RATIO}


def _files(settings: BackendSettings, folder: Path) -> Iterator[dict[str, Any]]:
    seeder = TenantSeeder(settings.tenants_directory, folder / "scratch")
    for tenant_id in _names(MANY):
        seeder.seed(
            {"tenant_id": tenant_id, "name": tenant_id, "tier": "basic", "contact_email": None, "settings": {}}, 1
        )
    databases = TenantDatabases(settings.tenants_directory)
    app = create_app(
        settings,
        directory=TenantDirectory("provisioning", client=_Table(), fresh_seconds=3600),
        databases=databases,
        control_plane=ControlPlane(settings.tenants_table, settings.provisioning_table, object()),
    )
    rates = asyncio.run(_file_rates(app))
    alone, open_files, cold_files = (statistics.median(rates[count]) for count in (1, OPEN, MANY))
    ratio = open_files / alone
    yield {"what": "open files", **_rates(alone, open_files), "bound": BOUND_RATIO, "met": ratio >= BOUND_RATIO}
    yield {"what": "cold files", **_rates(alone, cold_files)}
    databases.close()
    yield {"what": "opening", **_opening(TenantDatabases(settings.tenants_directory, idle_after=0))}


async def _file_rates(app: ASGIApp) -> dict[int, list[float]]:
    """Return requests a second by how many tenants take turns; in rounds, so that a busy moment strikes all of them."""
    rates: dict[int, list[float]] = {1: [], OPEN: [], MANY: []}
    coldest = iter(_names(MANY)[OPEN:])  # each is asked for once, so none is open when its turn comes
    for _ in range(3):
        for count in (1, OPEN):
            await _rate(app, _names(count), count)
            rates[count].append(await _rate(app, _names(count), _FILE_REQUESTS))
        rates[MANY].append(await _rate(app, list(islice(coldest, _FILE_REQUESTS)), _FILE_REQUESTS))
    return rates


def _opening(databases: TenantDatabases) -> dict[str, float]:
    opened, bare = list[float](), list[float]()
    for tenant_id in _names(_OPENED):
        began = time.perf_counter()
        with databases.open(tenant_id, "read") as connection:
            connection.execute("SELECT name FROM tenants").fetchall()
        opened.append(time.perf_counter() - began)
        began = time.perf_counter()
        in_memory().close()
        bare.append(time.perf_counter() - began)
    return {name: round(statistics.median(took) * 1000, 1) for name, took in (("ms", opened), ("engine_ms", bare))}


def _rates(one: float, many: float) -> dict[str, Any]:
    return {"one_per_s": round(one), "many_per_s": round(many), "ratio": round(many / one, 2)}


async def _memory() -> dict[str, Any]:
    gc.collect()
    tracemalloc.start()
    directory = TenantDirectory("provisioning", client=_Table(), fresh_seconds=3600)
    for tenant_id in _names(KNOWN):
        await directory.status(tenant_id)
    gc.collect()
    used = tracemalloc.get_traced_memory()[0] / 2**20
    tracemalloc.stop()
    return {"what": "memory", "mb": round(used, 1), "bound": BOUND_MB, "met": used <= BOUND_MB}
