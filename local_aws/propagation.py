"""Show the data plane (edge, name server) the control plane's state after AWS's propagation delay.

Bridges say what was accepted, and how to make a view of it. The data plane asks for what is in effect now: views that
never change, made once, in any thread.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from local_aws.settings import Settings

Kind = Literal["zone", "distribution"]


@dataclass(frozen=True)
class Change:
    """A change that the data plane may care for.

    kind, id: `zone` (zone id), `distribution` (distribution id), `invalidation` (distribution id).
    items: paths (`/x`, `/x*`) and tags (`#tag`, lower case) of an invalidation.
    effective_at: Unix time at which the data plane shows it.
    """

    kind: Literal["zone", "distribution", "invalidation"]
    id: str
    items: tuple[str, ...] = ()
    effective_at: float = 0.0


_lock = threading.RLock()
_callbacks: list[Callable[[Change], None]] = []
_delays: dict[Kind, float] = {"zone": 1.0, "distribution": 2.0}
_history: dict[tuple[Kind, str], list[tuple[float, Callable[[], Any]]]] = defaultdict(list)


def configure(settings: Settings) -> None:
    """Set the delays; called once, before the first change."""
    _delays["zone"], _delays["distribution"] = settings.insync_seconds, settings.deploy_seconds


def at_once(kind: Kind) -> None:
    """Have changes of a kind take effect without delay from now on."""
    _delays[kind] = 0.0


def on_change(callback: Callable[[Change], None]) -> None:
    """Call `callback` for each accepted change, when it is accepted, on the accepting thread: it must not block."""
    _callbacks.append(callback)


def accepted(kind: Kind, id_: str, view: Callable[[], Any] | None) -> None:
    """Note a change. view: called for the view when it is first asked for; None: the thing was deleted."""
    effective_at = time.time() + _delays[kind]
    with _lock:
        entries = _history[(kind, id_)]
        if kind == "zone" and not entries:  # a zone answers (SOA, NS) as soon as it exists
            effective_at = time.time()
        entries.append((effective_at, cache(view or (lambda: None))))
    _tell(Change(kind, id_, (), effective_at))


def invalidated(distribution_id: str, items: tuple[str, ...]) -> None:
    """Note that CreateInvalidation was accepted."""
    lowered = tuple(item.lower() if item.startswith("#") else item for item in items)
    _tell(Change("invalidation", distribution_id, lowered, time.time()))


def pending_until(kind: Kind, id_: str) -> float:
    """Return the Unix time at which the newest accepted change of it is (or was) in effect; 0 if it is unknown."""
    with _lock:
        entries = _history.get((kind, id_))
        return entries[-1][0] if entries else 0.0


def current(kind: Kind, id_: str) -> Any:
    """Return the view that is in effect, the same object until that changes; None if there is none (yet)."""
    now = time.time()
    with _lock:
        entries = _history.get((kind, id_), [])
        while len(entries) > 1 and entries[1][0] <= now:
            entries.pop(0)
        if not entries or entries[0][0] > now:
            return None
        view = entries[0][1]()
        if view is None and len(entries) == 1:
            del _history[(kind, id_)]
        return view


def all_current(kind: Kind) -> list[Any]:
    """Return the views of a kind that are in effect."""
    with _lock:
        ids = [id_ for known, id_ in _history if known == kind]
    return [view for view in (current(kind, id_) for id_ in ids) if view is not None]


def _tell(change: Change) -> None:
    for callback in tuple(_callbacks):
        callback(change)
