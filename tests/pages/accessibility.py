"""What axe-core finds wrong with a page."""

from functools import cache
from typing import TYPE_CHECKING, Any

from tests.pages.conftest import FRONTEND

if TYPE_CHECKING:
    from playwright.sync_api import Page


@cache
def _axe() -> str:
    return (FRONTEND / "node_modules/axe-core/axe.min.js").read_text()


# A colour that is on its way to another one is neither.
_AT_REST = """
new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))).then(() =>
  Promise.allSettled(document.getAnimations().filter((one) => one instanceof CSSTransition).map((one) => one.finished)))
  .then(() => null)
"""


def violations(page: "Page") -> list[str]:
    """Of all of axe's rules, best practices too; one line for each element."""
    page.evaluate(_AT_REST)
    if not page.evaluate("'axe' in window"):
        page.evaluate(_axe())
    found: list[dict[str, Any]] = page.evaluate("axe.run().then((result) => result.violations)")
    return [f"{one['id']}: {node['html'][:150]} {node['failureSummary']}" for one in found for node in one["nodes"]]


def sticks_out(page: "Page") -> int:
    """How many pixels of the page are right of the window's edge."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide
