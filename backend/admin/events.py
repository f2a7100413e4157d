"""Stream a tenant's progress as server-sent events: each says everything, so that who comes late misses nothing."""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from control.progress import Progress

logger = logging.getLogger(__name__)

LONGEST_SECONDS = 900.0
_BEAT = b": beat\n\n"


@dataclass(frozen=True)
class Rhythm:
    """Hold the seconds between two looks, between two signs of life, and until the client has to ask again."""

    look: float = 0.3
    beat: float = 10.0
    longest: float = LONGEST_SECONDS


class Looks:
    """Share one look at a tenant among all who watch it, in one event loop."""

    def __init__(self, fresh_seconds: float = 0.2, clock: Callable[[], float] = time.monotonic) -> None:
        self._fresh_seconds = fresh_seconds
        self._clock = clock
        self._latest: dict[tuple[str, str | None], tuple[float, asyncio.Task[Progress]]] = {}

    async def at(self, key: tuple[str, str | None], look: Callable[[], Awaitable[Progress]]) -> Progress:
        """Return the progress, hardly older than this moment."""
        begun, task = self._latest.get(key, (float("-inf"), None))
        if task is None or (task.done() and self._clock() - begun > self._fresh_seconds):
            self._forget_old()
            task = asyncio.ensure_future(look())
            self._latest[key] = (self._clock(), task)
        # Shielded: that one of those who watch has gone must not take the look from the others.
        return await asyncio.shield(task)

    def _forget_old(self) -> None:
        for key, (begun, task) in list(self._latest.items()):
            if task.done() and self._clock() - begun > self._fresh_seconds:
                if not task.cancelled():
                    task.exception()
                del self._latest[key]


async def stream(look: Callable[[], Awaitable[Progress]], last_id: str | None, rhythm: Rhythm) -> AsyncIterator[bytes]:
    """Yield the events until the run has ended.

    last_id: of the event that the client has seen last; it is not sent again.
    """
    loop = asyncio.get_running_loop()
    until, sent_at = loop.time() + rhythm.longest, loop.time()
    yield b"retry: 1000\n\n"
    while loop.time() < until:
        found = await _seen(look)
        if found is not None:
            mark = _mark(found)
            if mark != last_id or found.ended:
                last_id, sent_at = mark, loop.time()
                yield _event("end" if found.ended else "progress", mark, found)
            if found.ended:
                return
        if loop.time() - sent_at >= rhythm.beat:
            sent_at = loop.time()
            yield _BEAT
        await asyncio.sleep(rhythm.look)


async def _seen(look: Callable[[], Awaitable[Progress]]) -> Progress | None:
    """Return None while the tables do not answer: who watches learns more as soon as they do."""
    try:
        return await look()
    except (BotoCoreError, ClientError) as error:
        logger.warning("The progress of a tenant cannot be read: %s", error)
        return None


def _mark(found: Progress) -> str:
    return hashlib.sha256(found.model_dump_json().encode()).hexdigest()[:16]


def _event(kind: str, mark: str, found: Progress) -> bytes:
    return f"id: {mark}\nevent: {kind}\ndata: {found.model_dump_json()}\n\n".encode()
