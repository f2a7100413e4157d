"""Token buckets, by which AWS limits rates."""

from __future__ import annotations

import time
from collections.abc import Callable


class Bucket:
    """A token bucket: `burst` calls at once, then `rate` a second."""

    def __init__(self, burst: float, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.burst, self.rate, self._clock = burst, rate, clock
        self._tokens, self._at = burst, clock()

    def take(self, tokens: float = 1.0) -> bool:
        """Take that many and return True, or none and return False."""
        self._fill()
        if self._tokens < tokens:
            return False
        self._tokens -= tokens
        return True

    def owe(self, tokens: float = 1.0) -> float:
        """Take that many in any case; return the seconds until they are there."""
        self._fill()
        self._tokens -= tokens
        return max(0.0, -self._tokens / self.rate)

    def _fill(self) -> None:
        now = self._clock()
        self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
