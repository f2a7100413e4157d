"""A tenant's way out and back, in one process."""

import datetime as dt

import pytest

from tests.faults.buckets import Buckets
from tests.faults.invariants import CONTENDED
from tests.faults.points import Fault, Place
from tests.faults.refusals import Refused
from tests.faults.scenarios import SCENARIOS, begun, trace_of
from tests.faults.world import Settled, World, populated

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def settled() -> Settled:
    return populated()


def test_the_schedule_takes_a_removed_tenant_down_when_its_grace_period_is_over_and_not_before(
    settled: Settled,
) -> None:
    with World(settled=settled) as world:
        world.insert("granja")
        world.run()
        world.remove("granja")
        world.run()
        due = dt.datetime.fromisoformat(world.record("granja")["due_at"]).timestamp()

        while world.record("granja")["status"] == "ACTIVE" and world.clock.now < due + 3600:
            world.tick()
            assert not world.executions("granja")[2:] or world.clock.now >= due
            world.rest()

        assert world.record("granja")["status"] == "OFFBOARDED"


@pytest.mark.parametrize("scenario", ["cancel", "remove"])
def test_removing_and_putting_back_within_the_grace_period_changes_nothing_on_shared_systems(scenario: str) -> None:
    assert not [crossing for crossing in trace_of(scenario) if crossing.place.operation in CONTENDED]


def test_each_way_out_and_back_ends_as_it_says() -> None:
    for name in ("offboard", "offboard-never-live", "cancel", "return", "suspend", "resume"):
        scenario = SCENARIOS[name]
        with World(settled=begun(name)) as world:
            scenario.ask(world)
            world.rest()
            assert (name, world.record(scenario.tenant)["status"]) == (name, scenario.ends)


def test_a_return_midway_comes_while_the_tenant_is_taken_down() -> None:
    with World(settled=begun("return-midway")) as world:
        SCENARIOS["return-midway"].ask(world)

        kinds = [event["detail-type"] for event in world.events("granja")]
        assert kinds.index("TenantOffboarded") < len(kinds) - 1 == kinds[::-1].index("TenantActivated") + len(kinds) - 1


def test_an_archive_that_was_cut_short_is_none() -> None:
    with World(settled=begun("offboard")) as world:
        world.strike(Fault(Place("tenant-database.ArchiveDatabase", "s3", "PutObject", 12), "5xx", lasts=True))
        path = world.record("granja")["database_path"]
        SCENARIOS["offboard"].ask(world)
        world.rest()

        assert world.archived(path.removesuffix(".duckdb")) is None
        assert (world.tenants_folder / path).is_file()
        assert world.record("granja")["status"] == "OFFBOARDING"


def test_buckets_refuse_what_s3_refuses_and_what_nobody_here_thought_of() -> None:
    buckets = Buckets({"archive": {}})
    buckets.call("PutObject", {"Bucket": "archive", "Key": "a", "Body": b"1"}, 0.0)

    assert buckets.call("GetObject", {"Bucket": "archive", "Key": "a"}, 0.0)["Body"].read() == b"1"
    with pytest.raises(Refused, match="NoSuchKey"):
        buckets.call("GetObject", {"Bucket": "archive", "Key": "b"}, 0.0)
    with pytest.raises(Refused, match="NoSuchBucket"):
        buckets.call("PutObject", {"Bucket": "other", "Key": "a", "Body": b""}, 0.0)
    assert buckets.call("ListObjectsV2", {"Bucket": "archive", "Prefix": "a"}, 0.0)["Contents"][0]["Key"] == "a"
    with pytest.raises(NotImplementedError, match="DeleteObject"):
        buckets.call("DeleteObject", {"Bucket": "archive", "Key": "a"}, 0.0)
    with pytest.raises(NotImplementedError, match="Tagging"):
        buckets.call("PutObject", {"Bucket": "archive", "Key": "a", "Body": b"", "Tagging": "a=b"}, 0.0)
