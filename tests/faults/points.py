"""The one point that every call of the product crosses: recorded here, and struck here.

A call is an AWS request of a function or of the state machine, a file operation, or a look of the probe at the site.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn

from tests.faults.refusals import Refused


class Kind(StrEnum):
    """What can happen to a call."""

    THROTTLE = "throttle"
    SERVER_ERROR = "5xx"
    TIMEOUT_BEFORE = "timeout-before"
    TIMEOUT_AFTER = "timeout-after"
    CRASH_BEFORE = "crash-before"
    CRASH_AFTER = "crash-after"
    LOST = "lost"
    """The service has answered well, and what should follow (a stream record) never comes."""
    STOPPED = "stopped"
    """The call goes well, and somebody stops the execution meanwhile (StopExecution)."""
    TORN = "torn"
    """The process dies half-way through a write."""


_READS = (
    "GetItem",
    "Query",
    "BatchGetItem",
    "GetDistributionConfig",
    "ListResourceRecordSets",
    "open",
    "read",
    "flock",
)
_AFTER = (Kind.TIMEOUT_AFTER, Kind.CRASH_AFTER, Kind.LOST, Kind.STOPPED)


class Crash(BaseException):
    """The process is gone. Not an Exception, for no handler sees it."""


class NoAnswer(Exception):
    """The service does not answer in time; whether it has done its part is the caller's question."""


@dataclass(frozen=True)
class Place:
    """Where a fault can strike: the same in every run that is the same until then.

    nth: of this caller's calls of this operation, from 1.
    """

    caller: str
    service: str
    operation: str
    nth: int

    def __str__(self) -> str:
        return f"{self.caller}/{self.service}.{self.operation}/{self.nth}"


@dataclass(frozen=True)
class Crossing:
    """One call, as it went. detail: what it was about. outcome: ``ok``, an error's code, or the kind of the fault.

    applied: whether the service has done its part.
    """

    place: Place
    detail: str
    outcome: str
    applied: bool
    struck: bool


@dataclass
class Fault:
    """Strikes a place once, or from that call on (``lasts``) until it is lifted.

    what: a Kind, or an error code of the service.
    """

    place: Place
    what: str
    lasts: bool = False
    message: str = ""
    hits: int = 0

    def strikes(self, place: Place) -> bool:
        same = (place.caller, place.service, place.operation) == (
            self.place.caller,
            self.place.service,
            self.place.operation,
        )
        return same and (place.nth >= self.place.nth if self.lasts else place.nth == self.place.nth)


@dataclass
class Points:
    """Counts, records and strikes."""

    faults: list[Fault] = field(default_factory=list)
    trace: list[Crossing] = field(default_factory=list)
    is_dead: bool = False
    """Whether the process that calls now has been killed: nothing that it still tries takes effect."""
    watch: Callable[[str], None] = lambda _: None
    """Called after each call that changed something, with its place."""
    _seen: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def cross(
        self,
        caller: str,
        service: str,
        operation: str,
        effect: Callable[[], Any],
        *,
        detail: str = "",
        refusal: Callable[[str, str], Exception],
        half: Callable[[], Any] | None = None,
        then: Callable[[str], Any] | None = None,
    ) -> Any:
        """Let a call happen, or not. Returns what ``effect`` returns.

        refusal: the error that a Kind or a code of the service is to this caller.
        half:    does part of the effect, for a write that is torn.
        then:    what else comes of the fault after the effect: of Kind.LOST and Kind.STOPPED.
        """
        if self.is_dead:
            raise Crash
        key = (caller, service, operation)
        self._seen[key] += 1
        place = Place(*key, self._seen[key])
        fault = next((fault for fault in self.faults if fault.strikes(place)), None)
        if fault is None:
            return self._let(place, detail, effect)
        fault.hits += 1
        if fault.what not in _AFTER:
            return self._instead(place, detail, fault, refusal, half)
        result = self._let(place, detail, effect, fault.what)
        if fault.what == Kind.CRASH_AFTER:
            self._die()
        if fault.what == Kind.TIMEOUT_AFTER:
            raise refusal(fault.what, "")
        if then:
            then(fault.what)
        return result

    def _let(self, place: Place, detail: str, effect: Callable[[], Any], what: str = "") -> Any:
        """The service does its part."""
        try:
            result = effect()
        except Exception as error:
            outcome = error.code if isinstance(error, Refused) else type(error).__name__
            self.trace.append(Crossing(place, detail, outcome, applied=False, struck=bool(what)))
            raise
        self.trace.append(Crossing(place, detail, what or "ok", applied=True, struck=bool(what)))
        if place.operation not in _READS:
            self.watch(str(place))
        return result

    def _instead(
        self,
        place: Place,
        detail: str,
        fault: Fault,
        refusal: Callable[[str, str], Exception],
        half: Callable[[], Any] | None,
    ) -> NoReturn:
        """The service does not do its part, or not all of it."""
        self.trace.append(Crossing(place, detail, fault.what, applied=False, struck=True))
        if fault.what == Kind.TORN and half:
            half()
        if fault.what in (Kind.CRASH_BEFORE, Kind.TORN):
            self._die()
        raise refusal(fault.what, fault.message)

    def _die(self) -> NoReturn:
        self.is_dead = True
        raise Crash
