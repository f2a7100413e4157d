"""A headless Chromium on the built frontend, in front of the miniature that `vite preview` serves.

The miniature (frontend/mock) answers as the API does and runs the edge's own function; its tenants live in memory for
as long as the server, so a test that changes one makes its own.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = ROOT / "frontend"
BASE = "fluxionia.localhost"

# Until these two are in the project's environment the folder stays out of `make test`.
_READY = all(importlib.util.find_spec(name) for name in ("playwright", "quickjs"))
collect_ignore_glob = [] if _READY else ["test_*.py"]

# What a phone has, and what a laptop has.
WIDTHS = {"phone": (390, 844), "laptop": (1280, 800)}


@dataclass
class Site:
    """Where the frontend is served."""

    port: int

    def url(self, label: str = "", path: str = "/") -> str:
        """Of a host below the base domain, or of the base domain itself."""
        return f"http://{label}.{BASE}:{self.port}{path}" if label else f"http://{BASE}:{self.port}{path}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def node() -> str:
    """The Node that scripts/frontend uses."""
    return shutil.which("node") or str(ROOT / ".venv/bin/node")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    subprocess.run(["sh", str(ROOT / "scripts/frontend")], check=True)
    port = _free_port()
    log = (tmp_path_factory.mktemp("preview") / "log").open("wb")
    server = subprocess.Popen(
        [node(), "node_modules/vite/bin/vite.js", "preview", "--port", str(port)],
        cwd=FRONTEND,
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/config.json", timeout=5).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the preview did not start: {Path(log.name).read_text()}") from None
                time.sleep(0.1)
        yield Site(port)
    finally:
        server.terminate()
        server.wait(10)
        log.close()


def chromium() -> str | None:
    """A Chromium of this machine; None for the one that Playwright brought itself."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("FLUXION_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium())
        yield running
        running.close()


@dataclass
class Window:
    """A page, with what it has complained about and whom it has asked."""

    page: "Page"
    problems: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)
    expected: set[int] = field(default_factory=set)
    """Statuses of answers that the test provokes: a browser reports each on its console."""

    def watch(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("request", lambda request: self.hosts.add(request.url.split("/")[2].rpartition(":")[0]))

    def _console(self, message: Any) -> None:
        if message.type not in ("error", "warning") or message.location.get("url", "").endswith("/favicon.ico"):
            return
        provoked = any(f"status of {status} " in message.text for status in self.expected)
        if not provoked and not (0 in self.expected and "net::ERR" in message.text):
            self.problems.append(f"{message.type}: {message.text} ({message.location.get('url')})")


@pytest.fixture
def open_window(browser: "Browser") -> Iterator[Callable[..., Window]]:
    """open_window(width="phone", dark=True, expected={404}, …): each in a context of its own, so with no storage."""
    opened: list[tuple[BrowserContext, Window]] = []

    def opening(*, width: str = "laptop", dark: bool = False, expected: set[int] | None = None, **more: Any) -> Window:
        wide, high = WIDTHS[width]
        context = browser.new_context(
            viewport={"width": wide, "height": high},
            color_scheme="dark" if dark else "light",
            timezone_id="America/Bogota",
            **more,
        )
        context.set_default_timeout(10_000)
        window = Window(context.new_page(), expected=expected or set())
        window.watch()
        opened.append((context, window))
        return window

    yield opening
    problems = [problem for _, window in opened for problem in window.problems]
    hosts = {host for _, window in opened for host in window.hosts}
    for context, _ in opened:
        context.close()
    assert problems == []
    assert {host for host in hosts if host != BASE and not host.endswith(f".{BASE}")} == set()


@pytest.fixture
def sign_in(site: Site) -> Callable[..., "Page"]:
    """sign_in(window, "operator", path): through the sign-in page, and back to where one wanted to go."""

    def signing_in(window: Window, role: str = "operator", path: str = "/") -> "Page":
        page = window.page
        page.goto(site.url("admin", path))
        page.get_by_role("button", name="Iniciar sesión").click()
        page.get_by_role("link", name=f"{role}@{BASE}").click()
        page.get_by_role("button", name="Salir").wait_for()
        return page

    return signing_in
