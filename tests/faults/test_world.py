"""The world in one process does what the deployed stack does, in virtual time."""

import pytest

from tests.faults.points import Fault, Place
from tests.faults.world import NEIGHBOUR, Settled, World, populated


@pytest.fixture(scope="session")
def settled() -> Settled:
    return populated()


def test_an_item_becomes_a_live_tenant_and_nothing_foreign_changes(settled: Settled) -> None:
    with World(settled=settled) as world:
        before = world.foreign("granja")
        world.insert("granja")
        world.run()

        assert world.record("granja")["status"] == "ACTIVE"
        assert [event["detail-type"] for event in world.events("granja")] == [
            "TenantClaimed",
            "CnameAttached",
            "DnsRecordsCreated",
            "DatabaseSeeded",
            "CacheInvalidated",
            "TenantVerified",
            "TenantActivated",
        ]
        assert world.mails() == []
        assert world.foreign("granja") == before
        assert world.clock.now - settled.now < 60


def test_a_site_that_takes_long_to_propagate_is_waited_for_in_virtual_time(settled: Settled) -> None:
    with World(settled=settled) as world:
        world.state.zone.propagation = 120.0
        world.insert("granja")
        world.run()

        assert world.record("granja")["status"] == "ACTIVE"
        assert world.clock.now - settled.now > 120


def test_a_crash_costs_a_try_and_the_next_process_begins_anew(settled: Settled) -> None:
    with World(settled=settled) as world:
        place = Place("cdn-aliases", "cloudfront", "UpdateDistribution", 1)
        world.strike(Fault(place, "crash-after"))
        world.insert("granja")
        world.run()

        assert world.record("granja")["status"] == "ACTIVE"
        assert world.state.cloudfront.updates == 2  # the neighbour's, and ours: once
        assert [crossing.place for crossing in world.trace if crossing.struck] == [place]


def test_two_worlds_of_one_seed_are_one(settled: Settled) -> None:
    traces = []
    for _ in range(2):
        with World(seed=7, settled=settled) as world:
            world.insert("granja")
            world.insert(NEIGHBOUR, name="La Vecina Nueva")
            world.run()
            traces.append([(crossing.place, crossing.outcome) for crossing in world.trace])
    assert traces[0] == traces[1]
