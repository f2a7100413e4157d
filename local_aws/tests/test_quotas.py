"""The arithmetic of the quota model, with a clock of the tests' own. What AWS answers is in conformance/."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_aws.gateway.bucket import Bucket
from local_aws.gateway.limits import METERED, Buckets
from local_aws.quotas import UNPUBLISHED, Quotas, is_transition

XML = {"content-type": "text/xml"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def change(*actions: str) -> Any:
    row = "<Change><Action>{}</Action><ResourceRecordSet><Name>a.test</Name></ResourceRecordSet></Change>"
    changes = "".join(row.format(action) for action in actions)
    body = f"<ChangeResourceRecordSetsRequest><ChangeBatch><Changes>{changes}</Changes></ChangeBatch>"
    return SimpleNamespace(
        service="route53",
        operation="ChangeResourceRecordSets",
        path="/2013-04-01/hostedzone/Z1/rrset/",
        query="",
        headers=XML,
        body=f"{body}</ChangeResourceRecordSetsRequest>".encode(),
    )


def invalidate(*items: str) -> Any:
    paths = "".join(f"<Path>{item}</Path>" for item in items)
    body = f"<InvalidationBatch><Paths><Quantity>{len(items)}</Quantity><Items>{paths}</Items></Paths>"
    return SimpleNamespace(
        service="cloudfront",
        operation="CreateInvalidation",
        path="/2020-05-31/distribution/E1/invalidation",
        query="",
        headers=XML,
        body=f"{body}</InvalidationBatch>".encode(),
    )


def call(service: str, operation: str) -> Any:
    return SimpleNamespace(service=service, operation=operation)


def passed(buckets: Buckets, most: int, make: Callable[[], Any]) -> int:
    """How many of at most so many calls pass before the first that does not."""
    for number in range(most):
        if buckets.exceeded(make()):
            return number
    return most


# ---- buckets ----


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate(clock: Clock) -> None:
    bucket = Bucket(5, 2, clock)
    assert [bucket.take() for _ in range(6)] == [True] * 5 + [False]
    clock.now = 1.5
    assert [bucket.take() for _ in range(4)] == [True] * 3 + [False]
    clock.now = 100
    assert not bucket.take(6), "it never holds more than its burst"
    assert bucket.take(5)


def test_who_waits_for_a_bucket_waits_for_all_who_came_before(clock: Clock) -> None:
    bucket = Bucket(2, 10, clock)
    assert [bucket.owe() for _ in range(5)] == pytest.approx([0, 0, 0.1, 0.2, 0.3])
    clock.now = 0.3
    assert bucket.owe() == pytest.approx(0.1), "the debt was paid, and nothing more"


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 5)), max_size=60), st.integers(5, 20), st.floats(0.5, 50))
def test_no_bucket_ever_gives_more_than_its_burst_and_what_time_brought(
    steps: list[tuple[float, int]], burst: int, rate: float
) -> None:
    clock = Clock()
    bucket = Bucket(burst, rate, clock)
    given_out = 0
    for pause, tokens in steps:
        clock.now += pause
        given_out += tokens * bucket.take(tokens)
        assert given_out <= burst + rate * clock.now + 1e-6


def test_route_53_counts_requests_and_changes_apart(clock: Clock) -> None:
    buckets = Buckets(Quotas(), clock)
    assert passed(buckets, 60, lambda: call("route53", "GetChange")) == 50
    clock.now = 5  # the account's requests are back
    assert passed(buckets, 10, lambda: change(*["UPSERT"] * 100, *["CREATE"] * 50, *["DELETE"] * 50)) == 5
    exceeded = buckets.exceeded(change("CREATE"))
    assert exceeded is not None
    assert (exceeded.rate, exceeded.code) == ("zone_changes_per_second", "Throttling")
    clock.now = 6
    assert passed(buckets, 3, lambda: change(*["CREATE"] * 50)) == 2


def test_ten_thousand_creations_take_as_long_as_the_formula_says(clock: Clock) -> None:
    buckets = Buckets(Quotas(), clock)
    for _ in range(20_000 // 250):
        while buckets.exceeded(change(*["CREATE"] * 250)):
            clock.now += 0.5
    assert clock.now == pytest.approx((20_000 - 1_500) / 100, abs=1)


def test_wildcards_and_other_items_of_an_invalidation_are_counted_apart(clock: Clock) -> None:
    buckets = Buckets(Quotas(), clock)
    assert buckets.exceeded(invalidate("/*", *(f"#shop:{number}" for number in range(150)))) is None
    beyond = [buckets.exceeded(invalidate(item)) for item in ("#shop:1", "/a/*")]
    assert [metered and metered.rate for metered in beyond] == [
        "invalidations_per_second",
        "wildcard_invalidations_per_second",
    ]
    clock.now = 0.5
    assert buckets.exceeded(invalidate(*(f"/{number}" for number in range(75)))) is None


def test_what_has_no_quota_always_passes(clock: Clock) -> None:
    buckets = Buckets(Quotas(), clock)
    assert passed(buckets, 10_000, lambda: call("dynamodb", "PutItem")) == 10_000
    assert passed(buckets, 10_000, lambda: call("cloudfront", "GetDistributionConfig")) == 10_000


def test_a_request_that_cannot_be_read_costs_no_changes(clock: Clock) -> None:
    buckets = Buckets(Quotas(zone_change_burst=1), clock)
    broken = change("CREATE")
    broken.body = b"<no xml"
    assert passed(buckets, 10, lambda: broken) == 10


def test_each_state_and_each_attempt_of_a_task_is_a_transition() -> None:
    attempt = ["TaskScheduled", "TaskStarted", "TaskFailed"]
    history = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "TaskStateEntered", *attempt, *attempt]
    history += ["LambdaFunctionScheduled", "LambdaFunctionStarted", "TaskStateExited", "SucceedStateEntered"]
    assert sum(map(is_transition, history)) == 1 + 3 + 1


# ---- the table ----


def test_a_scale_shortens_delays_and_raises_rates_and_leaves_the_rest() -> None:
    fast = Quotas(scale=20, aliases=500).scaled()
    assert (fast.insync_seconds, fast.deploy_seconds, fast.zone_busy_seconds) == (3, 12, pytest.approx(0.005))
    assert (fast.zone_changes_per_second, fast.distribution_updates_per_second) == (2_000, 4)
    assert (fast.zone_change_burst, fast.aliases, fast.concurrent_executions) == (1_500, 500, 1_000)
    assert fast == fast.scaled(), "scaled once, it is in its own time"


def test_values_survive_the_command_line() -> None:
    quotas = Quotas(scale=20, distribution_updates_per_second=0.04)
    assert json.loads(quotas.to_json()) == {"scale": 20, "distribution_updates_per_second": 0.04}
    assert Quotas.parse(quotas.to_json()) == quotas
    assert Quotas.parse("{}") == Quotas()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"alises": 500}', "there is no quota alises"),
        ('{"aliases": "many"}', "aliases must be a number"),
        ('{"aliases": true}', "aliases must be a number"),
        ('{"insync_seconds": -1}', "insync_seconds must be a number of 0 or more"),
        ('{"starts_per_second": 0}', "starts_per_second must be above 0"),
        ('{"scale": 0}', "scale must be above 0"),
        ("[]", "a JSON object"),
        ("{", "Expecting"),
    ],
)
def test_a_quota_that_makes_no_sense_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Quotas.parse(text)


def test_what_was_raised_beyond_awss_defaults_is_listed() -> None:
    assert Quotas(scale=50).raised() == []
    kinder = Quotas(aliases=2_000, zone_records=30_000, insync_seconds=40, starts_per_second=100)
    assert kinder.raised() == [
        {"name": "zone_records", "default": 10_000, "now": 30_000},
        {"name": "insync_seconds", "default": 60, "now": 40},
        {"name": "aliases", "default": 100, "now": 2_000},
    ]
    assert Quotas(distribution_updates_per_second=1).raised() == [], "a parameter has no default of AWS's"


def test_each_quota_says_its_unit_its_source_and_what_aws_answers() -> None:
    for known in fields(Quotas):
        if known.name != "scale":
            assert all(known.metadata[what] for what in ("unit", "beyond", "source")), known.name
    assert {metered.code for metered in METERED} == {"Throttling", "ThrottlingException"}
    assert any(known.metadata.get("source") == UNPUBLISHED for known in fields(Quotas))
