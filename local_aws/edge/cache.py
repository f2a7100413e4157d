"""The objects that an edge keeps: by key, bounded, with invalidation by path and by tag."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from local_aws.edge.policies import Headers

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Entry:
    """A kept answer. Times are seconds of the edge's monotonic clock.

    target: path with the query string of the key, as an invalidation path names it.
    """

    distribution: str
    target: str
    tags: frozenset[str]
    status: int
    headers: Headers
    body: bytes
    stored_at: float
    fresh_until: float
    stale_until: float


def names(item: str, entry_target: str, tags: frozenset[str]) -> bool:
    """Return whether an invalidation item means an object: `#tag`, or a path; a `*` counts as wildcard only at the
    end.
    """
    if item.startswith("#"):
        return item[1:].lower() in tags
    if item.endswith("*"):
        return entry_target.startswith(item[:-1])
    return entry_target == item


class Cache:
    """A cache of the least recently used objects up to `max_bytes`; safe to invalidate from another thread."""

    def __init__(self, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._entries: OrderedDict[Key, Entry] = OrderedDict()
        self._bytes = 0
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._invalidations: list[tuple[int, str, tuple[str, ...]]] = []
        self._sequence = 0
        self._fetching: dict[int, int] = {}

    def get(self, key: Key) -> Entry | None:
        """Return the kept answer, fresh or not."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def fetching(self) -> "Fetch":
        """Enclose the request to the origin, so that an invalidation meanwhile is not lost."""
        return Fetch(self)

    def invalidate(self, distribution: str, items: Iterable[str]) -> int:
        """Forget what the items name, of this distribution only; return how many objects went."""
        wanted = tuple(items)
        with self._lock:
            self._sequence += 1
            if self._fetching:  # an answer that was asked for before this invalidation must not be kept after it
                self._invalidations.append((self._sequence, distribution, wanted))
            gone = [
                key
                for key, entry in self._entries.items()
                if entry.distribution == distribution and any(names(item, entry.target, entry.tags) for item in wanted)
            ]
            for key in gone:
                self._drop(key)
            return len(gone)

    def _put(self, key: Key, entry: Entry, asked_at: int) -> bool:
        with self._lock:
            for sequence, distribution, items in self._invalidations:
                late = sequence > asked_at and distribution == entry.distribution
                if late and any(names(item, entry.target, entry.tags) for item in items):
                    return False
            self._drop(key)
            self._entries[key] = entry
            self._bytes += len(entry.body)
            while self._bytes > self._max_bytes and self._entries:
                self._drop(next(iter(self._entries)))
            return True

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry.body)


class Fetch:
    """A request to an origin: `put` keeps its answer unless it was invalidated while it was on its way."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def __enter__(self) -> "Fetch":
        with self._cache._lock:
            self._asked_at = self._cache._sequence
            self._cache._fetching[id(self)] = self._asked_at
        return self

    def __exit__(self, *_: object) -> None:
        cache = self._cache
        with cache._lock:
            cache._fetching.pop(id(self), None)
            oldest = min(cache._fetching.values(), default=cache._sequence)
            cache._invalidations = [item for item in cache._invalidations if item[0] > oldest]

    def put(self, key: Key, entry: Entry) -> bool:
        """Keep the answer; return False if an invalidation named it meanwhile."""
        return self._cache._put(key, entry, self._asked_at)
