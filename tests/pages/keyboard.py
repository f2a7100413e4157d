"""Getting about without a mouse."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def tab_to(page: "Page", wanted: "Locator", most: int = 80) -> None:
    """Press Tab until it has the focus, as somebody would who has no mouse."""
    element = wanted.element_handle()
    for _ in range(most):
        page.keyboard.press("Tab")
        if element.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"{wanted} is not reached by {most} times Tab")
