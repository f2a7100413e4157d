"""The world in one process does what the deployed stack does, in virtual time."""

import pytest

from tests.faults.points import Fault, Place
from tests.faults.world import NEIGHBOUR, Settled, World, populated

pytestmark = pytest.mark.slow


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


def test_propagation_that_takes_longer_than_every_retry_undoes_nothing_and_the_tenant_goes_live_without_a_hand(
    settled: Settled,
) -> None:
    with World(settled=settled) as world:
        before = world.foreign("granja")
        world.state.zone.propagation = 1.5 * 3600
        world.insert("granja")
        world.rest()
        record, standing = world.record("granja"), world.left_over("granja")

        assert (record["status"], record["operation"]["state"]) == ("PENDING", "STALLED")
        assert {"A record", "AAAA record", f"alias {world.host('granja')}"} <= set(standing)
        assert "VerifyTenant stalled" in world.mails("granja")[0].subject

        while world.record("granja")["status"] != "ACTIVE" and world.clock.now - settled.now < 24 * 3600:
            world.tick()
            world.rest()

        assert world.record("granja")["status"] == "ACTIVE"
        assert world.state.zone.changes == 2  # the neighbour's, and ours: once
        assert world.foreign("granja") == before


@pytest.mark.parametrize("order", [("lagranja", "1agranja"), ("1agranja", "lagranja")])
def test_of_two_confusable_names_at_once_one_wins_and_the_other_is_told_the_rule(
    settled: Settled, order: tuple[str, str]
) -> None:
    with World(settled=settled, shuffled=True) as world:
        for tenant in order:
            world.insert(tenant)
        world.run()

        statuses = {tenant: world.record(tenant)["status"] for tenant in order}
        assert sorted(statuses.values()) == ["ACTIVE", "FAILED"]
        loser = next(tenant for tenant, status in statuses.items() if status == "FAILED")
        assert world.left_over(loser) == []
        assert "look-alike characters" in world.mails(loser)[0].body


def test_while_sns_is_down_failures_wait_and_none_is_lost(settled: Settled) -> None:
    with World(settled=settled) as world:
        world.strike(Fault(Place("failure-notifier", "sns", "Publish", 1), "5xx", lasts=True))
        world.insert("granja", tier="gold")
        world.run(3600)
        assert world.record("granja")["status"] == "FAILED"
        assert world.mails() == []

        world.lift()
        world.run()

        (mail,) = world.mails("granja")
        assert "ClaimTenant failed" in mail.subject


def test_an_event_bus_that_is_down_delays_events_and_keeps_their_order(settled: Settled) -> None:
    with World(settled=settled) as world:
        world.strike(Fault(Place("publish-events", "events", "PutEvents", 2), "Unprocessed", lasts=True))
        world.insert("granja")
        world.run(1800)
        assert [event["detail-type"] for event in world.events("granja")] == ["TenantClaimed"]

        world.lift()
        world.run()

        assert [event["detail"]["metadata"]["id"] for event in world.events("granja")] == [
            item["event_id"] for item in world.outbox("granja")
        ]
