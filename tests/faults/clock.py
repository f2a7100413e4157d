"""Time that passes only when somebody waits, for the product and for everything around it."""

import datetime as dt
import sys
import time as real_time
from typing import Any

START = 1_800_000_000.0  # 2027-01-15T08:00:00Z


class TimedOut(BaseException):
    """Lambda ends the invocation: its time is over. Not an Exception, for no handler sees it."""


class Clock:
    """Seconds since the epoch. deadline: when the invocation that runs now is ended, if one runs."""

    def __init__(self, now: float = START) -> None:
        self.now = now
        self.deadline: float | None = None

    def sleep(self, seconds: float) -> None:
        """What ``time.sleep`` is to the product."""
        if self.deadline is not None and self.now + seconds > self.deadline:
            self.now = self.deadline
            raise TimedOut
        self.now += max(0.0, seconds)

    def iso(self, seconds_from_now: float = 0) -> str:
        """What ``tenancy.platform.clock.now`` gives."""
        moment = dt.datetime.fromtimestamp(self.now + seconds_from_now, dt.UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _Time:
    """Stands where a module has ``import time``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def time(self) -> float:
        return self._clock.now

    def monotonic(self) -> float:
        return self._clock.now

    def time_ns(self) -> int:
        return int(self._clock.now * 1e9)

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)

    def __getattr__(self, name: str) -> Any:
        return getattr(real_time, name)


class Patches:
    """Attributes of modules that are replaced for a while."""

    def __init__(self) -> None:
        self._before: list[tuple[Any, str, Any]] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute that is there; one that is not has moved, and that is an error."""
        self._before.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def undo(self) -> None:
        while self._before:
            setattr(*self._before.pop())


def adopt(patches: Patches, clock: Clock, executor: type) -> None:
    """Give every module of the product this clock, and an executor without threads; again after imports."""
    for name, module in list(sys.modules.items()):
        if name == "tenancy" or name.startswith("tenancy."):
            if getattr(module, "time", None) is real_time:
                patches.set(module, "time", _Time(clock))
            if "ThreadPoolExecutor" in vars(module) and module.ThreadPoolExecutor is not executor:
                patches.set(module, "ThreadPoolExecutor", executor)


def install(patches: Patches, clock: Clock) -> None:
    """botocore's pauses between tries, and what the product writes down as the time."""
    import botocore.endpoint

    from tenancy.platform import clock as tenancy_clock

    patches.set(botocore.endpoint, "time", _Time(clock))
    patches.set(tenancy_clock, "now", clock.iso)
