"""Which faults can strike where, and what one run with them comes to."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from tests.faults import invariants
from tests.faults.errors import PERMANENT, codes_of
from tests.faults.leaving import Moments, is_new
from tests.faults.points import Crossing, Fault, Kind, Place
from tests.faults.scenarios import SCENARIOS, Scenario, begun, trace_of
from tests.faults.world import World

_MOST_TICKS = 60
_CALLS = (
    Kind.THROTTLE,
    Kind.SERVER_ERROR,
    Kind.TIMEOUT_BEFORE,
    Kind.TIMEOUT_AFTER,
    Kind.CRASH_BEFORE,
    Kind.CRASH_AFTER,
)
_MACHINE = _CALLS[:4]  # Step Functions itself does not crash
_LOOKS = (Kind.SERVER_ERROR, Kind.TIMEOUT_BEFORE, Kind.CRASH_BEFORE, Kind.CRASH_AFTER)

type Signature = tuple[str, str, str]
"""Caller, service, operation."""


@dataclass(frozen=True)
class Strike:
    """One fault of a case."""

    place: Place
    what: str
    lasts: bool

    def __str__(self) -> str:
        return f"{self.place}:{self.what}:{'lasting' if self.lasts else 'once'}"

    @classmethod
    def parse(cls, text: str) -> "Strike":
        place, what, how = re.fullmatch(r"(.+/\d+):(.+):(once|lasting)", text).groups()  # type: ignore[union-attr]
        caller, call, nth = place.rsplit("/", 2)
        return cls(Place(caller, *call.split(".", 1), int(nth)), what, how == "lasting")

    @property
    def signature(self) -> Signature:
        return self.place.caller, self.place.service, self.place.operation


@dataclass(frozen=True)
class Case:
    """A scenario with one fault, or with a second one after it. Its id is how to replay it."""

    scenario: str
    strikes: tuple[Strike, ...]

    @property
    def id(self) -> str:
        return f"{self.scenario}@{'+'.join(map(str, self.strikes))}"

    @classmethod
    def parse(cls, text: str) -> "Case":
        scenario, _, strikes = text.partition("@")
        return cls(scenario, tuple(Strike.parse(strike) for strike in strikes.split("+")))

    @property
    def is_double(self) -> bool:
        """Whether there are two things that go wrong: an obstacle of the scenario is one."""
        return len(self.strikes) + len(SCENARIOS[self.scenario].obstacles) > 1


@dataclass(frozen=True)
class Outcome:
    """What a case came to. by_hand: what a person had to do after the faults had gone, ``""`` if nothing."""

    case: Case
    wrong: list[str]
    hits: int
    seen: dict[Signature, int]
    """Each call of the run, with the number of the first that no earlier case of the trace has: for discovery."""
    by_hand: str = ""
    end: str = ""


# --- generation -------------------------------------------------------------------------------------------------------


def whats(place: Place) -> list[str]:
    """Everything that can happen to a call."""
    service, operation = place.service, place.operation
    if is_of_machine(place):
        lost = [Kind.LOST] if operation == "PutItem" else []
        return [*_MACHINE, Kind.STOPPED, *lost, *codes_of("states", operation)]
    if service in ("dns", "https"):
        return list(_LOOKS)
    kinds = [*_CALLS, *([Kind.TORN] if (service, operation) == ("files", "write") else [])]
    return [*kinds, *codes_of(service, operation, place.caller)]


def is_of_machine(place: Place) -> bool:
    """Whether the state machine itself makes the call, and no function."""
    return place.caller.startswith(("OnboardTenant.", "OffboardTenant."))


def strikes_at(place: Place) -> Iterator[Strike]:
    """Every single fault of a call: once, so that the same execution gets over it, and until it is lifted."""
    for what in whats(place):
        yield Strike(place, str(what), lasts=False)
        if what not in (Kind.TORN, Kind.STOPPED):
            yield Strike(place, str(what), lasts=True)


def cases_of(scenario: Scenario) -> list[Case]:
    """One case for every fault at every call, but for the calls that a scenario has alike with another one."""
    alike = {crossing.place for name in scenario.like for crossing in trace_of(name)}
    places = [crossing.place for crossing in trace_of(scenario.name) if not crossing.struck]
    return [Case(scenario.name, (strike,)) for place in places if place not in alike for strike in strikes_at(place)]


@cache
def all_cases() -> tuple[Case, ...]:
    """Everything that the fault-free traces give."""
    return tuple(case for scenario in SCENARIOS.values() for case in cases_of(scenario))


def discovered(outcome: Outcome, covered: set[Signature]) -> list[Case]:
    """Cases for calls that only a run with faults makes: a second fault at the first of them."""
    found = []
    for signature, nth in outcome.seen.items():
        if signature not in covered:
            place = Place(*signature, nth)
            found += [Case(outcome.case.scenario, (*outcome.case.strikes, second)) for second in strikes_at(place)]
    return found


# --- one run ----------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """One case, in a world of its own. Keeps the world's trace for whoever wants to look."""

    case: Case
    seed: int = 0
    trace: list[Crossing] = field(default_factory=list)

    def outcome(self) -> Outcome:
        """Run it, let the schedule put right what it can, and look."""
        scenario = SCENARIOS[self.case.scenario]
        faults = [Fault(strike.place, strike.what, strike.lasts) for strike in self.case.strikes]
        without = invariants.mutations(trace_of(scenario.name))
        with World(seed=self.seed, settled=begun(scenario.name)) as world:
            before = invariants.Before.of(world, scenario.tenant)
            moments = Moments.of(world, scenario.tenant)
            generation = world.record(scenario.tenant).get("generation", 0)
            world.strike(*scenario.faults(), *faults)
            scenario.ask(world)
            world.rest()
            hits = sum(fault.hits for fault in faults)
            wrong = [f"converged: {fault.place} was never struck" for fault in faults if not fault.hits]
            wrong += invariants.extra_mutations(world.trace, without, len(faults), is_passing=self._is_passing)
            for fault in faults:
                world.points.faults.remove(fault)
            by_hand = _put_right(world, scenario.tenant)
            wrong += invariants.violations(world, scenario.tenant, before, self._ends(scenario))
            record = world.record(scenario.tenant)
            end = f"{record.get('status')}, {record.get('operation', {}).get('state')}"
            if scenario.ends != "FAILED" and not scenario.obstacles and end.endswith("FAILED"):
                wrong += _once_more(world, scenario, before)
            if end.startswith("ACTIVE") and scenario.returns:
                wrong += is_new(world, scenario.tenant, moments, generation)
            wrong += moments.wrong
            self.trace = list(world.trace)
            return Outcome(self.case, wrong, hits, seen=_seen(self.trace), by_hand=by_hand, end=end)

    @property
    def _is_passing(self) -> bool:
        """Whether the fault is over at once and changes no direction: then nothing is to be done twice."""
        return not any(strike.lasts or strike.what in PERMANENT for strike in self.case.strikes)

    def _ends(self, scenario: Scenario) -> tuple[str, ...]:
        """A permanent error may end in roll-back, or leave a live tenant as it was; nothing else may.

        A removal is tried again whatever the error was.
        """
        if scenario.ends in ("HELD", "OFFBOARDED") or not any(each.what in PERMANENT for each in self.case.strikes):
            return (scenario.ends,)
        return tuple(dict.fromkeys((scenario.ends, "ACTIVE", "SUSPENDED", "FAILED")))


def _once_more(world: World, scenario: Scenario, before: invariants.Before) -> list[str]:
    """The cause of a permanent failure is gone, and somebody says so: the next run does what the first could not."""
    if world.item(scenario.tenant):
        world.retry(scenario.tenant)
    else:  # as the alarm OffboardTenantFailed says
        world.offboard(scenario.tenant)
    world.rest()
    _schedules(world, scenario.tenant)
    found = invariants.violations(world, scenario.tenant, before, (scenario.ends,))
    return [f"{sentence} (after another run)" for sentence in found]


def _put_right(world: World, tenant: str) -> str:
    """No fault any more: the schedule goes as long as there is something for it. Then a person does, if need be:
    has dead letters replayed, or sets requested_at. Returns what the person had to do.
    """
    world.rest()
    _schedules(world, tenant)
    what = world.dead_letters()
    if what:
        world.replay()
        world.rest()
        _schedules(world, tenant)
    if not _is_settled(world, tenant):
        what.append("requested_at" if world.item(tenant) else "by hand")
        if world.item(tenant):
            world.retry(tenant)
        else:
            world.offboard(tenant)
        world.rest()
    return ", ".join(what)


def _schedules(world: World, tenant: str) -> None:
    for _ in range(_MOST_TICKS):
        if not world.timers or _is_settled(world, tenant):
            return
        world.tick()
        world.rest()


def _is_settled(world: World, tenant: str) -> bool:
    """Whether the schedule has no reason to go on."""
    record = world.record(tenant)
    is_within_grace = record.get("due_for") == "offboard" and record["due_at"] > world.clock.iso()
    return bool(record) and ("due_at" not in record or is_within_grace) and "lease" not in record


def _seen(trace: Iterable[Crossing]) -> dict[Signature, int]:
    first: dict[Signature, int] = {}
    for crossing in trace:
        place = crossing.place
        first.setdefault((place.caller, place.service, place.operation), place.nth)
    return first


def count(cases: Iterable[Case]) -> Counter[str]:
    """How many of each kind."""
    return Counter("double" if case.is_double else "single" for case in cases)
