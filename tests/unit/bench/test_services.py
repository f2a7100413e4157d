"""The quota model can fail: who is too fast, too many or too late is refused."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bench.simulation.clock import Bucket, Clock
from bench.simulation.services import Calls, CloudFront, Route53
from local_aws.quotas import Quotas


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def zone(clock: Clock) -> Route53:
    return Route53(Quotas(), clock, random.Random(1), Calls())  # noqa: S311


@pytest.fixture
def distribution(clock: Clock) -> CloudFront:
    return CloudFront(Quotas(), clock, random.Random(1), Calls())  # noqa: S311


def creations(hosts: Sequence[str], action: str = "CREATE") -> dict[str, Any]:
    records = [{"Name": host, "Type": kind} for host in hosts for kind in ("A", "AAAA")]
    changes = [{"Action": action, "ResourceRecordSet": record} for record in records]
    return {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": changes}}


def names(first: int, count: int) -> list[str]:
    return [f"t{number}.fluxionia.co" for number in range(first, first + count)]


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_a_bucket_refuses_what_it_lacks_and_takes_nothing_for_it() -> None:
    bucket = Bucket(2, 1)

    assert [bucket.take(2, 0), bucket.take(1, 0.5), bucket.take(1, 1), bucket.take(3, 100)] == [
        True,
        False,
        True,
        False,
    ]


def test_changes_are_refused_when_their_bucket_is_empty(zone: Route53, clock: Clock) -> None:
    for first in range(0, 750, 125):
        zone.change_resource_record_sets(**creations(names(first, 125)))
        clock.take(0.2)

    with pytest.raises(ClientError) as error:
        zone.change_resource_record_sets(**creations(names(750, 125)))

    assert code_of(error) == "Throttling"


def test_an_upsert_costs_two_changes(zone: Route53, clock: Clock) -> None:
    zone.change_resource_record_sets(**creations(names(0, 300), "UPSERT"))
    clock.take(0.2)

    with pytest.raises(ClientError) as error:
        zone.change_resource_record_sets(**creations(names(300, 300), "UPSERT"))

    assert code_of(error) == "Throttling"


def test_a_zone_is_busy_for_a_moment_after_a_change(zone: Route53) -> None:
    zone.change_resource_record_sets(**creations(names(0, 1)))

    with pytest.raises(ClientError) as error:
        zone.change_resource_record_sets(**creations(names(1, 1)))

    assert code_of(error) == "PriorRequestNotComplete"


def test_a_foreign_record_spoils_the_whole_call(zone: Route53) -> None:
    zone.foreign.add("t1.fluxionia.co")

    with pytest.raises(ClientError) as error:
        zone.change_resource_record_sets(**creations(names(0, 3)))

    assert code_of(error) == "InvalidChangeBatch"
    assert not zone.records


def test_a_full_zone_takes_nothing_more(zone: Route53, clock: Clock) -> None:
    zone.records.update((f"x{number}", "A") for number in range(9_999))

    with pytest.raises(ClientError, match="the zone is full"):
        zone.change_resource_record_sets(**creations(names(0, 1)))


def test_updates_are_refused_faster_than_u(distribution: CloudFront, clock: Clock) -> None:
    def update() -> None:
        found = distribution.get_distribution_config()
        distribution.update_distribution(IfMatch=found["ETag"], DistributionConfig=found["DistributionConfig"])

    update()
    with pytest.raises(ClientError) as error:
        update()
    assert code_of(error) == "Throttling"

    clock.take(5)
    update()


def test_an_update_from_an_old_reading_is_refused(distribution: CloudFront) -> None:
    with pytest.raises(ClientError) as error:
        distribution.update_distribution(IfMatch="E0", DistributionConfig={"Aliases": {"Items": []}})

    assert code_of(error) == "PreconditionFailed"


@pytest.mark.parametrize(
    ("aliases", "code"),
    [
        ([f"t{number}" for number in range(101)], "TooManyDistributionCNAMEs"),
        (["taken.fluxionia.co"], "CNAMEAlreadyExists"),
    ],
)
def test_aliases_beyond_the_cap_or_of_others_are_refused(
    distribution: CloudFront, aliases: list[str], code: str
) -> None:
    distribution.foreign.add("taken.fluxionia.co")

    with pytest.raises(ClientError) as error:
        distribution.update_distribution(IfMatch="E1", DistributionConfig={"Aliases": {"Items": aliases}})

    assert code_of(error) == code


def test_tags_are_refused_beyond_the_rate_and_beyond_what_may_be_under_way(
    distribution: CloudFront, clock: Clock
) -> None:
    batch = {"Paths": {"Items": [f"#t{number}" for number in range(150)]}}
    distribution.create_invalidation(InvalidationBatch=batch)
    with pytest.raises(ClientError) as error:
        distribution.create_invalidation(InvalidationBatch=batch)
    assert code_of(error) == "Throttling"

    for _ in range(19):  # with the first one, 3,000 within the 25 s that an invalidation takes
        clock.take(1)
        distribution.create_invalidation(InvalidationBatch=batch)
    clock.take(1)
    with pytest.raises(ClientError) as error:
        distribution.create_invalidation(InvalidationBatch=batch)
    assert code_of(error) == "TooManyInvalidationsInProgress"
