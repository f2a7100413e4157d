"""What one onboarding costs, by hand; and the plot."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from bench import costs, plot, prices, usage
from bench.simulation.burst import Burst, Case, Outcome

NOTHING = usage.Counted(
    write_units=0,
    read_units=0,
    transitions=12,
    events=0,
    secrets=0,
    log_bytes=0,
    probe_log_bytes=0,
    publications=0,
    publication_seconds=0,
    database_bytes=0,
)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    return Burst(Case(100)).run()


def test_what_is_counted_is_paid_for(outcome: Outcome) -> None:
    bare, _ = costs.dollars(100, outcome, NOTHING)

    written, _ = costs.dollars(100, outcome, replace(NOTHING, write_units=46))
    told, _ = costs.dollars(100, outcome, replace(NOTHING, events=7))

    assert written - bare == pytest.approx(46 * 0.625e-6)
    assert told - bare == pytest.approx(7 * (1 + 3) * 1e-6), "the event, and a request to the key"


def test_transitions_and_functions_are_the_simulations(outcome: Outcome) -> None:
    used = outcome.usage
    memory = {"tenant_database": 512, "AttachCname": 1769, "CreateDnsRecords": 1769, "InvalidateCache": 1769}
    seconds = sum(time * memory.get(name, 256) / 1024 for name, time in used.seconds.items())
    reads, traces = used.probes - 100, 100
    expected = used.transitions * 25e-6 + used.invocations.total() * 0.2e-6 + seconds * 0.0000166667
    expected += reads * 0.125e-6 + traces * 5e-6

    assert costs.dollars(100, outcome, NOTHING)[0] == pytest.approx(expected / 100)


def test_invalidations_cost_beyond_the_first_thousand(outcome: Outcome) -> None:
    outcome.usage.tags = 1_100

    without, with_them = costs.dollars(100, outcome, NOTHING)

    assert with_them - without == pytest.approx(100 * 0.005 / 100)


def test_every_price_says_where_it_is_from_and_of_when() -> None:
    assert all(price.page.startswith("aws.amazon.com/") for price in prices.PRICES.values())
    assert max(price.as_of for price in prices.PRICES.values()) == prices.DATE


def test_an_item_is_measured_by_dynamodbs_rules() -> None:
    assert usage._size({"S": "ñandú"}) == 7
    assert usage._size({"N": "123"}) == 3
    assert usage._size({"BOOL": True}) == 1
    assert usage._size({"M": {"ab": {"S": "xyz"}}}) == 3 + 1 + 2 + 3


def test_transitions_are_states_retries_start_and_end() -> None:
    kinds = ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskFailed", "TaskScheduled", "TaskSucceeded"]
    kinds += ["TaskStateExited", "SucceedStateEntered", "SucceedStateExited", "ExecutionSucceeded"]

    assert usage._transitions([{"type": kind} for kind in kinds]) == 2 + 1 + 2


def test_the_plot_has_every_line_and_nothing_from_elsewhere(tmp_path: Path) -> None:
    row = {"mode": "alias", "u": plot.U, "t_star_s": 61.0}
    rows = [
        {**row, "tenants": tenants, "design": design, "makespan_s": seconds}
        for design, seconds in (("one_call", 200.0), ("group_commit", 70.0))
        for tenants in (1, 100)
    ]

    plot.draw(rows, tmp_path / "burst.svg")
    svg = (tmp_path / "burst.svg").read_text()

    assert all(title in svg for title in ("one call a tenant", "group commit", "the limit T*"))
    assert {address.split("/")[2] for address in re.findall(r"(?:https?:)?//[^\s\"'<>]+", svg)} == {"www.w3.org"}
    assert "<script" not in svg
    assert "@import" not in svg
