"""A headless Chromium in which a page that complains, or asks anybody else, fails its test."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

ROOT = Path(__file__).resolve().parents[2]
BASE = "fluxionia.localhost"

# What a phone has, and what a laptop has.
WIDTHS = {"phone": (390, 844), "laptop": (1280, 800)}


@dataclass
class Site:
    """Where the frontend is served."""

    port: int
    scheme: str = "http"

    def url(self, label: str = "", path: str = "/") -> str:
        """Of a host below the base domain, or of the base domain itself."""
        return f"{self.scheme}://{f'{label}.' if label else ''}{BASE}:{self.port}{path}"


def chromium() -> str:
    """The Chromium that scripts/chromium finds, and puts here where it can if there is none."""
    done = subprocess.run(["sh", str(ROOT / "scripts/chromium")], capture_output=True, check=False, text=True)
    if done.returncode:
        pytest.fail(done.stderr.strip())
    return done.stdout.strip().splitlines()[-1]


def launched() -> Iterator["Browser"]:
    """For a fixture. Playwright's loop runs in this thread meanwhile: not while tests of other folders want theirs."""
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
