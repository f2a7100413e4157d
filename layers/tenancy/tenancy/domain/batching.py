"""Requests that wait together become calls: what fits into one, when it may go, and what if one is refused.

Pure: it says what is to be done next and is told what came of it. Who carries it out brings the clock, the pauses and
the calls: the writers with real ones, the simulation in ``bench/`` with virtual time.
"""

import heapq
import itertools
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tenancy.domain.errors import ConcurrentUpdate, PermanentError, ServiceThrottled, TenancyError, ZoneBusy

type Measures = Mapping[str, float]
"""Amounts by what is counted: ``{"records": 2, "characters": 96}``."""

BUSY = (ServiceThrottled, ZoneBusy, ConcurrentUpdate)
"""Errors after which nothing has happened, and the same call may succeed a little later."""


# --- what fits into one call ------------------------------------------------------------------------------------------


def packs[Item](
    items: Sequence[Item], limits: Measures, measure: Callable[[Item], Measures]
) -> Iterator[tuple[Item, ...]]:
    """Yield the items in order, in runs that keep every limit: one run is one call.

    limits:  the most that one call may hold, by what is counted.
    measure: what an item adds. One that breaks a limit by itself goes alone: the service says so best.
    """
    run: list[Item] = []
    filled = dict.fromkeys(limits, 0.0)
    for item in items:
        amounts = measure(item)
        if run and any(filled[name] + amounts.get(name, 0) > most for name, most in limits.items()):
            yield tuple(run)
            run, filled = [], dict.fromkeys(limits, 0.0)
        run.append(item)
        filled = {name: amount + amounts.get(name, 0) for name, amount in filled.items()}
    if run:
        yield tuple(run)


# --- when it may go ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rate:
    """A token bucket as AWS has them: ``burst`` at once, then ``per_second``."""

    burst: float
    per_second: float


class Pace:
    """The token buckets of one contended system, kept on the caller's side: a burst is paced, not refused."""

    def __init__(self, rates: Mapping[str, Rate]) -> None:
        self._rates = rates
        self._levels: dict[str, tuple[float, float]] = {}  # name → (tokens, when that was)

    def wait(self, cost: Measures, now: float) -> float:
        """Return seconds until every bucket can pay. What costs more than one holds goes when that one is full."""
        waits = [
            (min(amount, rate.burst) - self._tokens(name, now)) / rate.per_second
            for name, amount in cost.items()
            if (rate := self._rates.get(name))
        ]
        return max(0.0, *waits) if waits else 0.0

    def spend(self, cost: Measures, now: float) -> None:
        """Take the cost of a call. A bucket may fall below zero, and makes the next call wait longer.

        A call counts from its answer on, since nobody knows when it reached AWS: two calls are never closer there than
        the rate allows.
        """
        for name, amount in cost.items():
            if name in self._rates:
                self._levels[name] = self._tokens(name, now) - amount, now

    def heed(self, answer: object, now: float) -> None:
        """Empty the buckets where AWS says that there is nothing left: others spend from the same quota."""
        for name in self._rates if isinstance(answer, ServiceThrottled) else ():
            self._levels[name] = min(0.0, self._tokens(name, now)), now

    def _tokens(self, name: str, now: float) -> float:
        rate = self._rates[name]
        tokens, since = self._levels.get(name, (rate.burst, now))
        return min(rate.burst, tokens + (now - since) * rate.per_second)


@dataclass(frozen=True)
class Backoff:
    """Pauses after a busy answer, in seconds: they double, up to the longest, and rivals do not keep step."""

    first: float = 1.0
    longest: float = 30.0

    def pause(self, tries: int, chance: float) -> float:
        """Return seconds to wait. tries: busy answers in a row before this one. chance: random, from 0 to 1."""
        return float(min(self.longest, self.first * 2**tries)) * (0.5 + chance / 2)


# --- and then ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pause:
    """Wait so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Call[Item]:
    """Make one call for all these. To be answered with the result of each, in their order, or with the error of all."""

    items: Sequence[Item]


@dataclass(frozen=True)
class Settled[Item, Result]:
    """It is known what became of these: let those who wait know."""

    results: Sequence[tuple[Item, Result | TenancyError]]


@dataclass(frozen=True)
class Rules[Item]:
    """What is particular to one contended system.

    limits:    of one call.
    measure:   what an item adds to a call, in the words of ``limits``.
    cost:      what a call takes out of the buckets, in the words of the ``Pace``.
    divisible: errors that mean "something in this call is wrong". Of any other, each item would say the same.
    """

    limits: Measures
    measure: Callable[[Item], Measures]
    cost: Callable[[Sequence[Item]], Measures]
    divisible: tuple[type[PermanentError], ...] = ()
    backoff: Backoff = Backoff()


type Step[Item, Result] = Pause | Call[Item] | Settled[Item, Result]
type Steps[Item, Result] = Generator[Step[Item, Result], Sequence[Result | TenancyError] | TenancyError | None]


@dataclass
class _Group[Item]:
    """Items that go in one call. ``is_poisoned``: it is known that something in them is refused."""

    items: Sequence[Item]
    is_poisoned: bool = False
    sibling: "_Group[Item] | None" = None

    def halves(self) -> "tuple[_Group[Item], _Group[Item]]":
        middle = (len(self.items) + 1) // 2
        first, second = _Group(self.items[:middle]), _Group(self.items[middle:])
        first.sibling, second.sibling = second, first
        return first, second


class _Waiting[Item]:
    """Groups that have not gone yet. Whatever is larger goes first, so that the many do not wait for the poison one."""

    def __init__(self, groups: Iterable[_Group[Item]]) -> None:
        self._order = itertools.count()
        self._heap: list[tuple[int, int, _Group[Item]]] = []
        self.add(*groups)

    def add(self, *groups: _Group[Item]) -> None:
        for group in groups:
            heapq.heappush(self._heap, (-len(group.items), next(self._order), group))

    def next(self) -> _Group[Item] | None:
        """Return the group whose turn it is; it stays until it is removed. One that is poisoned is not asked."""
        while self._heap and self._heap[0][2].is_poisoned and len(self._heap[0][2].items) > 1:
            self.add(*heapq.heappop(self._heap)[2].halves())
        return self._heap[0][2] if self._heap else None

    def remove_next(self) -> None:
        heapq.heappop(self._heap)


def steps[Item, Result](
    items: Sequence[Item],
    rules: Rules[Item],
    pace: Pace,
    *,
    until: float,
    now: Callable[[], float],
    chance: Callable[[], float],
) -> Steps[Item, Result]:
    """Yield what to do, step by step, until all items are settled or the time is over.

    A call that is refused for something in it is halved, and halved again, until the poison item stands alone with its
    own error: at most 2·log2(n) more calls. Busy answers are waited out here alone: ``chance`` draws from 0 to 1.

    until, now: on one clock, in seconds. What could not begin before ``until`` is left to whoever comes next.
    """
    waiting = _Waiting(_Group(pack) for pack in packs(items, rules.limits, rules.measure))
    tries, not_before = 0, now()
    while group := waiting.next():
        cost = rules.cost(group.items)
        wait = max(pace.wait(cost, now()), not_before - now())
        if now() + wait > until:
            return
        if wait > 0:
            yield Pause(wait)
        answer = yield Call(group.items)
        pace.spend(cost, now())
        if isinstance(answer, BUSY):
            pace.heed(answer, now())
            not_before, tries = now() + rules.backoff.pause(tries, chance()), tries + 1
            continue
        tries = 0
        waiting.remove_next()
        if isinstance(answer, rules.divisible) and len(group.items) > 1:
            waiting.add(*group.halves())
        else:
            yield Settled(_results(group, answer))
    # Waited for here, not before the next batch is taken: who comes meanwhile shares that call.
    if items and (rest := min(pace.wait(rules.cost(items[:1]), now()), until - now())) > 0:
        yield Pause(rest)


def _results[Item, Result](
    group: _Group[Item], answer: Sequence[Result | TenancyError] | TenancyError | None
) -> list[tuple[Item, Result | TenancyError]]:
    if isinstance(answer, TenancyError) or answer is None:
        return [(item, answer or TenancyError("nobody answered the call")) for item in group.items]
    if group.sibling and not any(isinstance(result, TenancyError) for result in answer):
        # Together they were refused, and this half is well: so it is the other one, which need not be asked whole.
        group.sibling.is_poisoned = True
    return list(zip(group.items, answer, strict=True))


def carry_out[Item, Result](
    what: Steps[Item, Result],
    *,
    pause: Callable[[float], None],
    call: Callable[[Sequence[Item]], Sequence[Result | TenancyError]],
    settled: Callable[[Sequence[tuple[Item, Result | TenancyError]]], None],
) -> None:
    """Do what the steps say. ``call`` raises a TenancyError when all are refused."""
    answer: Sequence[Result | TenancyError] | TenancyError | None = None
    while True:
        try:
            step = what.send(answer)
        except StopIteration:
            return
        answer = None
        if isinstance(step, Pause):
            pause(step.seconds)
        elif isinstance(step, Settled):
            settled(step.results)
        else:
            try:
                answer = call(step.items)
            except TenancyError as error:
                answer = error
