"""What can happen to tenants, as a machine of hypothesis: it draws which of it does, and in which order.

Items come, change and go; records of streams come twice, late or in another order; faults strike calls; processes and
executions end; clocks go wrong; strangers want the same hosts. What must hold all the same stands in ``promises``.
"""

import copy
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.faults import promises
from tests.faults.cases import whats
from tests.faults.clock import Clock
from tests.faults.points import Fault, Kind, Place
from tests.faults.promises import INVALID, TENANTS, People
from tests.faults.world import Settled, World, populated

STEPS = 30
_DAY = 86_400.0
_KINDS = [kind for kind in Kind if kind is not Kind.TORN]
_CRASHES = [Kind.CRASH_BEFORE, Kind.CRASH_AFTER]
_REQUESTS = ("AliasRequestsTable", "DnsRequestsTable", "CacheRequestsTable")
_MOST_ROUNDS = 12
_MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory, where there is one

tenants = st.sampled_from(TENANTS)
specs = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["La Granja Mercado", "Mercado del Sol"]),
        "tier": st.sampled_from(["basic", "standard", "premium"] * 3 + [INVALID]),
        "desired_state": st.sampled_from(["active", "active", "suspended"]),
    }
)
few, many = st.integers(0, 12), st.integers(0, 60)


class SkewedClock(Clock):
    """The functions' wall clock is wrong by ``skew`` seconds; how long things take, it knows."""

    skew = 0.0

    def iso(self, seconds_from_now: float = 0) -> str:
        return super().iso(seconds_from_now + self.skew)


@dataclass
class Coming(Fault):
    """Strikes once, after so many more calls to which it can happen."""

    after: int = 0

    def strikes(self, place: Place) -> bool:
        if self.hits or self.what not in whats(place):
            return False
        self.after -= 1
        return self.after < 0


class WatchedWorld(World):
    """A world that is looked at after every event."""

    watch: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, chance: int) -> None:
        super().__init__(chance, settled=_populated(), shuffled=True)
        self.clock: SkewedClock = SkewedClock(self.clock.now)

    def step(self) -> bool:
        happened = super().step()
        self.watch()
        return happened


@cache
def _populated() -> Settled:
    return populated()


class Tenants(RuleBasedStateMachine):
    """What can happen. ``held``: (table, record) that a stream has not delivered yet."""

    world: WatchedWorld

    @initialize(chance=st.integers(0, 2**32), wanted=st.dictionaries(tenants, specs, min_size=1))
    def begin(self, chance: int, wanted: dict[str, dict[str, Any]]) -> None:
        self.world = WatchedWorld(chance).__enter__()
        self.people = People(self.world)
        self.held: list[tuple[str, dict[str, Any]]] = []
        self.seen = promises.Watcher(self.world)
        self.world.watch = self.seen.look
        for tenant, spec in wanted.items():
            self.people.put(tenant, spec)

    # --- people -------------------------------------------------------------------------------------------------------

    @rule(tenant=tenants, spec=specs, late=st.booleans(), then=many)
    def put(self, tenant: str, spec: dict[str, Any], late: bool, then: int) -> None:
        self.people.put(tenant, spec)
        self._hold_newest("TenantsTable", late)
        self.events_come(then)

    @rule(tenant=tenants, spec=specs, what=st.sampled_from(_KINDS), after=many, then=many)
    def put_while_a_fault_comes(self, tenant: str, spec: dict[str, Any], what: Kind, after: int, then: int) -> None:
        self.people.put(tenant, spec)
        self.a_fault_comes(what, after, then)

    @rule(tenant=tenants, late=st.booleans(), then=few)
    def ask_again(self, tenant: str, late: bool, then: int) -> None:
        if self.people.items[tenant]:
            self.people.ask_again(tenant)
            self._hold_newest("TenantsTable", late)
            self.events_come(then)

    @rule(tenant=tenants, late=st.booleans(), then=few)
    def remove(self, tenant: str, late: bool, then: int) -> None:
        if self.people.items[tenant]:
            self.people.remove(tenant)
            self._hold_newest("TenantsTable", late)
            self.events_come(then)

    @rule(tenant=tenants, what=st.sampled_from(["record", "alias", "file"]))
    def a_stranger_comes(self, tenant: str, what: str) -> None:
        self.people.stranger_comes(tenant, what)
        self.seen.remember_what_is_foreign()

    @rule(tenant=tenants)
    def strangers_leave(self, tenant: str) -> None:
        self.people.strangers_leave(tenant)
        self.seen.remember_what_is_foreign()

    # --- streams ------------------------------------------------------------------------------------------------------

    @rule(table=st.sampled_from(["TenantsTable", "ProvisioningTable", *_REQUESTS]), back=st.integers(1, 6))
    def deliver_again(self, table: str, back: int) -> None:
        stream = self.world.table(table).stream
        if len(stream) >= back:
            self._deliver(table, stream[-back])

    @rule(most=st.integers(1, 30))
    def drop_the_next_request(self, most: int) -> None:
        """A request's record does not come, until it is delivered late."""
        for _ in range(most):
            before = {table: len(self.world.table(table).stream) for table in _REQUESTS}
            if not self.world.step():
                return
            for table in _REQUESTS:
                if len(self.world.table(table).stream) > before[table]:
                    self._hold_newest(table, late=True)
                    return

    @precondition(lambda self: self.held)
    @rule(which=st.integers(0, 9))
    def deliver_late(self, which: int) -> None:
        self._deliver(*self.held.pop(which % len(self.held)))

    def _hold_newest(self, table: str, late: bool) -> None:
        """The record that was written just now comes late; nobody has read it yet."""
        stream = self.world.table(table).stream
        if late:
            self.held.append((table, stream.pop()))

    def _deliver(self, table: str, record: dict[str, Any]) -> None:
        again = copy.deepcopy(record)
        again["dynamodb"]["ApproximateCreationDateTime"] = self.world.clock.now
        self.world.table(table).stream.append(again)

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    @rule(what=st.sampled_from(_KINDS), after=few, then=many)
    def a_fault_comes(self, what: Kind, after: int, then: int) -> None:
        self.world.strike(Coming(Place("", "", "", 0), what, after=after))
        self.events_come(then)

    @rule(what=st.sampled_from(_CRASHES), after=many)
    def a_process_ends(self, what: Kind, after: int) -> None:
        self.world.strike(Coming(Place("", "", "", 0), what, after=after))

    @rule(then=few)
    def all_environments_end(self, then: int) -> None:
        self.world.functions.forget()
        self.events_come(then)

    @rule(which=st.integers(0, 9), then=few)
    def an_execution_is_stopped(self, which: int, then: int) -> None:
        if running := self.world.machines.running:
            self.world.machines.stop({"executionArn": running[which % len(running)].arn})
            self.events_come(then)

    @rule(days=st.sampled_from([-1, 0, 1]), then=few)
    def the_clock_is_set(self, days: int, then: int) -> None:
        self.world.clock.skew = days * _DAY
        self.events_come(then)

    # --- time ---------------------------------------------------------------------------------------------------------

    @rule(count=st.integers(12, 80))
    def events_come(self, count: int) -> None:
        for _ in range(count):
            self.world.step()

    @rule(seconds=st.sampled_from([1, 10, 60, 600]))
    def time_passes(self, seconds: float) -> None:
        until = self.world.clock.now + seconds
        self.world.run(seconds)
        self.world.clock.now = max(self.world.clock.now, until)

    @rule()
    def the_schedule_comes(self) -> None:
        self.world.tick()

    @rule(then=few)
    def the_grace_period_passes(self, then: int) -> None:
        self.time_passes(_DAY)
        self.world.tick()
        self.events_come(then)

    # --- and in the end -----------------------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            if sys.exception() is None:
                self._ends_well()
        finally:
            self.world.__exit__()

    def _ends_well(self) -> None:
        """Nothing goes wrong any more, and what is due comes. Then what failed for good is asked for once more."""
        self.world.lift()
        self.world.clock.skew = 0.0
        while self.held:
            self._deliver(*self.held.pop())
        self._settle()
        promises.require_what_was_asked_for(self.world, self.people, self.seen)
        for tenant in TENANTS * 2:  # twice, since a name that the first one gave back is free for the other one
            if self.people.items[tenant] and self.world.record(tenant)["operation"]["state"] == "FAILED":
                self.people.ask_again(tenant)
                self._settle()
        self.people.forgive()
        promises.require_what_was_asked_for(self.world, self.people, self.seen)

    def _settle(self) -> None:
        for _ in range(_MOST_ROUNDS):
            self.world.rest()
            due = promises.due_at(self.world)
            if due is None:
                return
            self.time_passes(max(0.0, due - self.world.clock.now))
            self.world.tick()
        raise AssertionError(f"not settled: {[self.world.record(tenant) for tenant in TENANTS]}")


def explore(chance: int, runs: int) -> str:
    """What went wrong, or nothing. Takes the process for itself."""
    if _MEMORY.is_dir():
        tempfile.tempdir = str(_MEMORY)  # half of the time is the disk's otherwise
    machine = seed(chance)(Tenants)
    how = settings(
        max_examples=runs,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(machine, settings=how)
    except BaseException:  # noqa: BLE001 - told by the test, in the process that was asked
        return traceback.format_exc()
    return ""
