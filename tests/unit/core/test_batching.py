"""Requests together, and the poison one alone."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenancy import batching
from tenancy.errors import RecordBelongsToOthers, ServiceThrottled, ZoneRefusedRecord


class Zone:
    """Refuses a whole call that holds a poison item, as the real ones do."""

    def __init__(self, poison: set[int]) -> None:
        self.poison, self.calls, self.written = poison, 0, []  # type: ignore[var-annotated]

    def write(self, batch: Sequence[int]) -> None:
        self.calls += 1
        if self.poison & set(batch):
            raise ZoneRefusedRecord("refused")
        self.written += batch


@given(st.integers(1, 300), st.integers(1, 50))
def test_packs_hold_everything_once_and_in_order(count: int, limit: int) -> None:
    packs = list(batching.packs(range(count), limit))

    assert [item for pack in packs for item in pack] == list(range(count))
    assert len(packs) == math.ceil(count / limit)


def test_a_good_batch_is_one_call() -> None:
    zone = Zone(poison=set())

    results = batching.commit(range(250), zone.write, divisible=ZoneRefusedRecord)

    assert zone.calls == 1
    assert all(error is None for _, error in results)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 125, 250])
def test_one_poison_item_fails_alone_wherever_it_stands(size: int) -> None:
    for place in range(size):
        zone = Zone(poison={place})

        results = batching.commit(range(size), zone.write, divisible=ZoneRefusedRecord)

        assert [item for item, error in results if error] == [place]
        assert sorted(zone.written) == [item for item in range(size) if item != place]
        assert zone.calls - 1 <= 2 * math.ceil(math.log2(size)) if size > 1 else zone.calls == 1


def test_a_refusal_that_is_the_same_for_all_is_not_divided() -> None:
    calls = []

    def throttled(batch: Sequence[int]) -> None:
        calls.append(batch)
        raise ServiceThrottled("slower, please")

    results = batching.commit(range(8), throttled, divisible=(ZoneRefusedRecord, RecordBelongsToOthers))

    assert len(calls) == 1
    assert all(isinstance(error, ServiceThrottled) for _, error in results)
