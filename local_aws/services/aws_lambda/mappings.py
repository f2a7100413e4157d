"""Run event source mappings in threads of their own, so that a slow function holds up no other mapping."""

from collections.abc import Callable
from typing import Any, Protocol

from ministack.core.arn import parse_arn
from ministack.services import lambda_svc


class Mapping(Protocol):
    """A thread that takes from one source and calls one function."""

    @property
    def alive(self) -> bool:
        """Return whether the mapping still exists."""

    def start(self) -> None:
        """Start the thread."""


def starter(service: str, make: Callable[[str, str, dict[str, Any]], Mapping]) -> Callable[[], bool]:
    """Return the replacement of one of MiniStack's polls, which only notices mappings that appeared or went.

    service: of the source's ARN. make: (account, region, MiniStack's record of the mapping) → the thread.
    """
    running: dict[tuple[str, str, str], Mapping] = {}

    def start_new_mappings() -> bool:
        for account, region, esm in lambda_svc._iter_all_esms():
            key = (account, region, esm["UUID"])
            if key not in running and parse_arn(esm["EventSourceArn"]).service == service:
                running[key] = make(account, region, esm)
                running[key].start()
        for key, mapping in list(running.items()):
            if not mapping.alive:
                del running[key]
        return False  # MiniStack's loop has handed nothing over itself

    return start_new_mappings
