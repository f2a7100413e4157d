"""A burst in virtual time: what the product must show, that it is the same each time, and that the model can fail."""

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from unittest.mock import patch

import pytest

from bench import poison_simulated
from bench.limits import t_star
from bench.simulation import product
from bench.simulation.burst import Burst, Case, Outcome
from tenancy.domain.batching import Pace

pytestmark = pytest.mark.slow

THOUSAND = 1_000


@cache
def outcome(u: float, design: str = "group_commit", tenants: int = THOUSAND) -> Outcome:
    return Burst(Case(tenants, design=design, u=u)).run()  # type: ignore[arg-type]


# 0.04: 1/u and the records' time add up here too, (25 + 5 + 60) / 85 = 1.06; the rest is functions and streams.
@pytest.mark.parametrize(("u", "most"), [(0.04, 1.11), (0.2, 1.2), (1.0, 1.1)])
def test_a_thousand_at_once_take_little_more_than_aws_quotas_ask_for(u: float, most: float) -> None:
    assert outcome(u).makespan <= most * t_star(THOUSAND, "alias", u, 10)
    assert outcome(u).active == THOUSAND


@pytest.mark.parametrize(("u", "least"), [(1.0, 10), (0.04, 100)])
def test_they_are_many_times_faster_than_with_a_call_for_each(u: float, least: float) -> None:
    assert outcome(u, "one_call").makespan >= least * outcome(u).makespan


@pytest.mark.parametrize("u", [0.04, 0.2, 1.0])
def test_they_share_their_calls(u: float) -> None:
    assert outcome(u).aws_calls <= 0.05 * THOUSAND
    assert outcome(u, "one_call").aws_calls >= 3 * THOUSAND


@pytest.mark.parametrize("u", [0.04, 0.2, 1.0])
def test_the_burst_is_paced_and_never_refused(u: float) -> None:
    assert outcome(u).refused == {}


@pytest.mark.parametrize("u", [0.04, 0.2, 1.0])
def test_no_state_gives_up_before_its_turn(u: float) -> None:
    assert outcome(u).outlasts


def test_a_call_for_each_outlasts_the_patience_of_its_state_where_updates_are_slow() -> None:
    assert not outcome(0.04, "one_call").outlasts


def test_the_same_seed_gives_the_same_burst_and_another_one_does_not() -> None:
    first, second, other = (Burst(Case(100, seed=seed)).run() for seed in (1, 1, 2))

    assert first.finished == second.finished
    assert (first.calls, first.usage) == (second.calls, second.usage)
    assert first.finished != other.finished


def test_a_client_that_is_not_paced_is_throttled() -> None:
    with patch.object(Pace, "wait", return_value=0.0):
        found = Burst(Case(THOUSAND)).run()

    assert found.refused["Throttling"] > 0


def test_a_probe_that_looks_seldom_shows_in_the_makespan() -> None:
    often = outcome(0.2, tenants=100).makespan
    seldom = replace(product.retry("VerifyTenant", "SiteNotReady"), interval=25, longest=25)

    with patch.object(product, "retry", return_value=seldom):
        assert Burst(Case(100)).run().makespan > often + 5


def test_every_state_of_the_machine_is_on_the_way() -> None:
    ways: Mapping[str, str] = {"AttachCname": "CreateDnsRecords", "VerifyTenant": "ActivateTenant"}
    passed = list(product.path())

    assert passed[0] == "ClaimTenant"
    assert passed[-1] == "TenantActive"
    assert all(passed[passed.index(state) + 1] == then for state, then in ways.items())


def test_one_tenant_makes_the_transitions_of_its_states_and_of_its_retries() -> None:
    usage = outcome(0.2, tenants=1).usage

    assert usage.transitions == len(list(product.path())) + 2 + usage.probes - 1


@pytest.mark.parametrize("poison_in", ["record", "alias"])
@pytest.mark.parametrize("place", [0, 500, 999])
def test_a_poison_tenant_fails_alone_and_holds_up_nobody_for_longer_than_its_calls(poison_in: str, place: int) -> None:
    clean = Burst(Case(THOUSAND, u=poison_simulated.U)).run()

    row = poison_simulated.row(poison_in, place, clean)  # type: ignore[arg-type]

    assert row["active"] == THOUSAND - 1
    assert row["failed"] == {"record": "1 RecordBelongsToOthers", "alias": "1 AliasBelongsToOthers"}[poison_in]
    assert row["extra_calls"] <= 2 * math.log2(THOUSAND)
    assert row["delay_s"] <= row["allowed_s"]
