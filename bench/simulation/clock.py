"""Keep virtual time."""

import random
from dataclasses import dataclass, field

import simpy


@dataclass
class Clock:
    """A clock of the seconds since the burst began.

    A writer's ``write`` is plain code that returns before the simulation goes on; so what its calls take is added up
    here, and the process that called it waits for it afterwards (``catch_up``). In between, ``now`` is ahead.
    """

    env: simpy.Environment = field(default_factory=simpy.Environment)
    ahead: float = 0.0

    def now(self) -> float:
        return float(self.env.now) + self.ahead

    def take(self, seconds: float) -> None:
        """Add the seconds that something takes."""
        self.ahead += seconds

    def catch_up(self) -> simpy.Timeout:
        """Return the wait of the process after plain code has run."""
        seconds, self.ahead = self.ahead, 0.0
        return self.env.timeout(seconds)


class Bucket:
    """A token bucket as AWS has them. One that lacks tokens gives none, and loses none."""

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst, self._rate = max(1.0, burst), per_second
        self._tokens, self._since = self._burst, 0.0

    def take(self, amount: float, now: float) -> bool:
        tokens = min(self._burst, self._tokens + max(0.0, now - self._since) * self._rate)
        self._since = max(now, self._since)
        self._tokens = tokens - amount if tokens >= amount - 1e-9 else tokens
        return tokens >= amount - 1e-9


def about(seconds: float, chance: random.Random) -> float:
    """Return a time as it differs from call to call: evenly between 0.7 and 1.3 of what it takes on average."""
    return seconds * (0.7 + 0.6 * chance.random())
