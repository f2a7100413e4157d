"""A headless Chromium on the built frontend, in front of the miniature that `vite preview` serves.

The miniature (frontend/mock) answers as the API does and runs the edge's own function; its tenants live in memory for
as long as the server, so a test that changes one makes its own.
"""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.stack import pages
from tests.pages.browser import BASE, ROOT, Site, Window, launched, open_window

__all__ = ["BASE", "ROOT", "Site", "Window", "open_window"]

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FRONTEND = ROOT / "frontend"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def node() -> str:
    """The Node that scripts/frontend uses."""
    own = ROOT / ".venvs/node/bin/node"  # there if the machine's is none or too old
    return str(own) if own.exists() else str(shutil.which("node"))


@pytest.fixture(scope="package")
def browser() -> Iterator["Browser"]:
    """One for all tests of this folder."""
    yield from launched()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pages.alone(ROOT):
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


@pytest.fixture
def sign_in(site: Site) -> Callable[..., "Page"]:
    """sign_in(window, "operator", path): a tab that has a token already, as the miniature gives it."""

    def signing_in(window: Window, role: str = "operator", path: str = "/") -> "Page":
        token = {"token": f"mock.{role}@{BASE}", "expires_at": (time.time() + 3600) * 1000}
        window.page.add_init_script(
            f"if (location.hostname.startsWith('admin.') && !sessionStorage.getItem('had')) {{"
            f" sessionStorage.setItem('had', 'a token');"
            f" sessionStorage.setItem('fluxion.token', {json.dumps(json.dumps(token))}); }}"
        )
        window.page.goto(site.url("admin", path))
        window.page.get_by_role("button", name="Salir").wait_for()
        return window.page

    return signing_in
