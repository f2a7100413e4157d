"""Requests together, at the pace that AWS allows, and the poison one alone."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenancy.domain import batching
from tenancy.domain.batching import Backoff, Pace, Rate, Rules
from tenancy.domain.errors import (
    AccessDenied,
    ConcurrentUpdate,
    RecordBelongsToOthers,
    ServiceThrottled,
    TenancyError,
    ZoneBusy,
    ZoneRefusedRecord,
)

FOREVER = 1e9


class Zone:
    """Refuses a whole call that holds a poison item, as the real ones do; time passes only while somebody waits."""

    def __init__(self, poison: Iterable[int] = (), busy: Sequence[TenancyError] = ()) -> None:
        self.poison, self.busy = set(poison), list(busy)
        self.calls: list[Sequence[int]] = []
        self.written: list[int] = []
        self.errors: dict[int, TenancyError] = {}
        self.now = 0.0
        self.waited: list[float] = []
        self.asked: list[float] = []
        self.seconds = 0.0  # of a call

    def commit(
        self,
        items: Sequence[int],
        *,
        limits: Mapping[str, float] | None = None,
        pace: Pace | None = None,
        until: float = FOREVER,
        cost: float = 1,
    ) -> list[int]:
        """Everything that was settled, in that order."""
        order: list[int] = []

        def settled(results: Sequence[tuple[int, str | TenancyError]]) -> None:
            order.extend(item for item, _ in results)
            self.errors |= {item: result for item, result in results if isinstance(result, TenancyError)}

        rules = Rules[int](
            limits=limits or {"items": 1000},
            measure=lambda _: {"items": 1},
            cost=lambda _: {"calls": cost},
            divisible=(ZoneRefusedRecord,),
            backoff=Backoff(first=1, longest=8),
        )
        what: batching.Steps[int, str] = batching.steps(
            items, rules, pace or Pace({}), until=until, now=lambda: self.now, chance=lambda: 1.0
        )
        batching.carry_out(what, pause=self._pause, call=self._write, settled=settled)
        return order

    def _pause(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.now += seconds

    def _write(self, batch: Sequence[int]) -> Sequence[str]:
        self.asked.append(self.now)
        self.now += self.seconds
        if self.busy:
            raise self.busy.pop(0)
        self.calls.append(batch)
        if self.poison & set(batch):
            raise ZoneRefusedRecord(f"{sorted(self.poison & set(batch))}")
        self.written += batch
        return ["written"] * len(batch)


# --- what fits --------------------------------------------------------------------------------------------------------

sizes = st.lists(st.fixed_dictionaries({"records": st.integers(1, 9), "bytes": st.integers(1, 900)}), max_size=60)


@given(sizes)
def test_packs_hold_everything_once_in_order_and_keep_every_limit(items: list[dict[str, int]]) -> None:
    limits = {"records": 10, "bytes": 1000}

    packs = list(batching.packs(items, limits, lambda item: item))

    assert [item for pack in packs for item in pack] == items
    for name, most in limits.items():
        assert all(sum(item[name] for item in pack) <= most for pack in packs)
    for pack, following in itertools.pairwise(packs):
        together = [*pack, following[0]]
        assert any(sum(item[name] for item in together) > most for name, most in limits.items()), "it would have fit"


def test_an_item_that_breaks_a_limit_by_itself_goes_alone() -> None:
    packs = list(batching.packs([1, 99, 2], {"bytes": 10}, lambda item: {"bytes": item}))

    assert packs == [(1,), (99,), (2,)]


# --- when it goes -----------------------------------------------------------------------------------------------------


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    pace = Pace({"changes": Rate(1500, 100)})

    moments, now = [], 0.0
    for _ in range(10):
        now += pace.wait({"changes": 250}, now)
        pace.spend({"changes": 250}, now)
        moments.append(now)

    assert moments == [0, 0, 0, 0, 0, 0, 2.5, 5, 7.5, 10]


def test_the_slowest_bucket_decides_and_unknown_costs_are_free() -> None:
    pace = Pace({"changes": Rate(10, 10), "requests": Rate(1, 0.5)})
    pace.spend({"changes": 5, "requests": 1, "prayers": 3}, now=0)

    assert pace.wait({"changes": 10, "requests": 1, "prayers": 3}, now=0) == 2


def test_what_is_more_than_a_bucket_holds_goes_when_it_is_full_and_delays_what_follows() -> None:
    pace = Pace({"tags": Rate(150, 150)})
    assert pace.wait({"tags": 450}, now=0) == 0
    pace.spend({"tags": 450}, now=0)

    assert pace.wait({"tags": 150}, now=0) == 3


def test_a_bucket_never_holds_more_than_its_burst() -> None:
    pace = Pace({"updates": Rate(1, 0.04)})
    pace.spend({"updates": 1}, now=0)

    assert pace.wait({"updates": 1}, now=1000) == 0
    pace.spend({"updates": 1}, now=1000)
    assert pace.wait({"updates": 1}, now=1000) == 25


def test_a_service_that_is_asked_too_fast_empties_the_bucket_and_a_busy_one_does_not() -> None:
    for error, expected in ((ServiceThrottled("slower"), [10.0]), (ZoneBusy("wait"), [1.0])):
        zone = Zone(busy=[error])

        zone.commit([1], pace=Pace({"calls": Rate(20, 0.1)}))

        assert zone.waited[:1] == expected


@given(st.integers(1, 200), st.floats(0.1, 20), st.floats(0.5, 50))
def test_no_window_sees_more_calls_than_the_bucket_allows(count: int, rate: float, burst: float) -> None:
    zone = Zone()
    moments: list[float] = []
    write = zone._write
    zone._write = lambda batch: moments.append(zone.now) or write(batch)  # type: ignore[func-returns-value,method-assign]

    zone.commit(range(count), limits={"items": 1}, pace=Pace({"calls": Rate(max(1, burst), rate)}))

    for first in range(0, len(moments), 7):
        for last in range(first, len(moments), 5):
            allowed = max(1, burst) + (moments[last] - moments[first]) * rate
            assert last - first + 1 <= allowed + 1e-6


def test_the_wait_for_the_next_call_comes_after_the_answers_so_that_later_requests_share_it() -> None:
    rules = Rules[int](limits={}, measure=lambda _: {}, cost=lambda _: {"updates": 1})
    steps: batching.Steps[int, str] = batching.steps(
        [1, 2], rules, Pace({"updates": Rate(1, 0.04)}), until=200, now=lambda: 0.0, chance=lambda: 1.0
    )

    assert next(steps) == batching.Call((1, 2))
    assert steps.send(["written", "written"]) == batching.Settled([(1, "written"), (2, "written")])
    assert list(steps) == [batching.Pause(25.0)]


def test_two_calls_are_never_closer_at_aws_than_the_rate_allows_however_long_each_is_on_its_way() -> None:
    """The first one reaches AWS just before its answer, the second one at once."""
    pace, zone = Pace({"calls": Rate(1, 0.1)}), Zone()
    zone.seconds = 3

    zone.commit([1], pace=pace)
    zone.commit([2], pace=pace)

    assert zone.asked == [0, 13]


# --- one poison item --------------------------------------------------------------------------------------------------


def test_a_good_batch_is_one_call() -> None:
    zone = Zone()

    assert zone.commit(range(250)) == list(range(250))
    assert len(zone.calls) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, 100, 125, 250])
def test_one_poison_item_fails_alone_wherever_it_stands(size: int) -> None:
    for place in range(size):
        zone = Zone(poison={place})

        settled = zone.commit(range(size))

        assert list(zone.errors) == [place]
        assert str(zone.errors[place]) == f"[{place}]", "its own cause"
        assert sorted(zone.written) == [item for item in range(size) if item != place]
        assert sorted(settled) == list(range(size))
        assert len(zone.calls) - 1 <= 2 * math.ceil(math.log2(size)) if size > 1 else len(zone.calls) == 1


@given(st.integers(2, 300), st.sets(st.integers(0, 299), max_size=6))
def test_several_poison_items_cost_as_much_as_each_would_alone(size: int, places: set[int]) -> None:
    poison = {place for place in places if place < size}
    zone = Zone(poison)

    zone.commit(range(size))

    assert set(zone.errors) == poison
    assert sorted(zone.written) == [item for item in range(size) if item not in poison]
    assert len(zone.calls) - 1 <= 2 * math.ceil(math.log2(size)) * len(poison)


def test_the_many_do_not_wait_for_the_poison_one() -> None:
    zone = Zone(poison={3})

    zone.commit(range(400), limits={"items": 100})

    written = [len(call) for call in zone.calls if 3 not in call]
    assert written == sorted(written, reverse=True)
    assert sum(written[:4]) == 350, "seven eighths, after one refused call more than a good batch has"


def test_a_refusal_that_is_the_same_for_all_is_not_divided() -> None:
    zone = Zone(busy=[AccessDenied("no")])

    zone.commit(range(8))

    assert zone.calls == []
    assert [type(error) for error in zone.errors.values()] == [AccessDenied] * 8


def test_a_result_that_is_an_error_for_one_item_leaves_the_others_alone() -> None:
    class Partial(Zone):
        def _write(self, batch: Sequence[int]) -> Sequence[str]:
            super()._write(batch)
            return [RecordBelongsToOthers("taken") if item == 2 else "written" for item in batch]  # type: ignore[misc]

    zone = Partial()

    assert zone.commit(range(4)) == [0, 1, 2, 3]
    assert list(zone.errors) == [2]
    assert len(zone.calls) == 1


# --- busy -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ServiceThrottled("a"), ZoneBusy("b"), ConcurrentUpdate("c")])
def test_busy_answers_are_waited_out_with_growing_pauses(error: TenancyError) -> None:
    zone = Zone(busy=[error] * 5)

    zone.commit(range(3))

    assert zone.waited == [1, 2, 4, 8, 8]
    assert (len(zone.calls), zone.errors) == (1, {})


def test_after_a_good_call_the_pauses_begin_anew() -> None:
    zone = Zone(busy=[ZoneBusy("b")] * 2)
    zone.commit([1])
    zone.busy = [ZoneBusy("b")]
    zone.commit([2])

    assert zone.waited == [1, 2, 1]


def test_rivals_do_not_keep_step() -> None:
    pauses = {Backoff(2, 30).pause(3, chance) for chance in (0.0, 0.5, 1.0)}

    assert pauses == {8.0, 12.0, 16.0}


# --- the time is over -------------------------------------------------------------------------------------------------


@given(st.integers(0, 30))
def test_what_does_not_fit_the_time_is_left_and_what_fits_is_done_in_order(seconds: int) -> None:
    zone = Zone()

    settled = zone.commit(range(30), limits={"items": 1}, pace=Pace({"calls": Rate(1, 1)}), until=seconds)

    assert settled == list(range(min(30, seconds + 1)))
    assert zone.now <= seconds


def test_a_busy_service_is_not_waited_for_beyond_the_time() -> None:
    zone = Zone(busy=[ZoneBusy("b")] * 50)

    assert zone.commit(range(3), until=20) == []
    assert zone.now <= 20
