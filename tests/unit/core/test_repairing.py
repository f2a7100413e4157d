"""Drift is told of at the second scan, once; what the workflow can put right is started, and the rest is left alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tenancy.domain.errors import ServiceUnavailable
from tenancy.group_commit.dns_records import HostedZone
from tenancy.platform import aws, clock, step_functions
from tenancy.reconcile.repair import Repairing
from tenancy.tables.effects import Effect, EffectState
from tenancy.tables.provisioning import Provisioning

from .conftest import BASE, Executions, Lifecycle, Tables, reconcile_settings
from .fakes import FakeCloudFront, FakeLambda, FakeRoute53

TARGET = "d111111abcdef8.cloudfront.net"
HOST = f"granja.{BASE}"


class World:
    """A live tenant `granja` with all that belongs to it, on systems that can be disturbed."""

    def __init__(self, tables: Tables, provisioning: Provisioning) -> None:
        self.tables, self.provisioning = tables, provisioning
        self.zone, self.distribution = FakeRoute53(), FakeCloudFront(BASE, f"*.{BASE}", HOST)
        self.folders: dict[str, Any] = {"granja": {"current": "1.duckdb", "files": ["1.duckdb"], "logs": []}}
        self.served: list[str] = []
        self.started: list[tuple[str, str]] = []
        self.functions = FakeLambda(
            **{
                "fluxion-tenant-database": lambda _: {"folders": self.folders},
                "fluxion-tenant-probe": lambda event: {"served": [h for h in event["hosts"] if h in self.served]},
            }
        )
        for kind in ("A", "AAAA"):
            target = {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": TARGET, "EvaluateTargetHealth": False}
            self.zone.records[HOST, kind] = {"Name": HOST, "Type": kind, "AliasTarget": target}

    def effect(self, tenant: str, system: str, target: str) -> None:
        self.provisioning.effects.start(Effect(tenant, system, EffectState.DONE, 1, 1, target))

    def start(self, machine: str, name: str, tenant: str) -> bool:
        if (machine, name) in self.started:
            return False
        self.started.append((machine, name))
        return True

    def told(self, kind: str) -> list[dict[str, Any]]:
        events = (item for item in self.tables.items() if item["sk"].startswith("EVENT#") and item["type"] == kind)
        return [found for event in events for found in json.loads(event["detail"])["data"]["findings"]]

    def findings(self) -> dict[str, bool]:
        return {item["sk"]: item["is_reported"] for item in self.tables.items() if item["pk"] == "DRIFT"}


@pytest.fixture
def world(
    tables: Tables,
    lifecycle: Lifecycle,
    provisioning: Provisioning,
    executions: Executions,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[World]:
    world = World(tables, provisioning)
    fakes = {"route53": world.zone, "cloudfront": world.distribution, "lambda": world.functions}
    real = aws.client
    monkeypatch.setattr(aws, "client", lambda name, **rest: fakes.get(name) or real(name, **rest))
    monkeypatch.setattr(step_functions, "start", world.start)
    monkeypatch.setattr(step_functions, "running", lambda machines: executions.running)
    tables.insert("granja")
    lifecycle.onboard("granja")
    lifecycle.end("granja")
    tables.provisioning.update_item(
        Key={"pk": "TENANT#granja", "sk": "TENANT"},
        UpdateExpression="SET database_path = :path",
        ExpressionAttributeValues={":path": "granja/1.duckdb"},
    )
    for system, target in (
        ("dns_records", TARGET),
        ("cdn_aliases", "D1"),
        ("edge_cache", "x"),
        ("tenant_database", "x"),
    ):
        world.effect("granja", system, target)
    yield world
    monkeypatch.undo()


def repairing(**settings: Any) -> Repairing:
    return Repairing(reconcile_settings(**settings))


def test_what_is_right_costs_no_write(world: World) -> None:
    before = world.tables.items()

    assert repairing().look() == {"found": 0, "reported": [], "gone": [], "started": []}
    assert world.tables.items() == before


def test_the_second_scan_tells_and_starts_the_tenant_s_own_workflow(world: World) -> None:
    world.distribution.aliases.remove(HOST)

    first = repairing().look()
    assert (first["found"], first["reported"], first["started"]) == (1, [], [])
    assert world.told("DriftDetected") == []

    second = repairing().look()
    assert (second["reported"], second["started"]) == ([f"AliasMissing#granja#{HOST}"], ["granja"])
    (found,) = world.told("DriftDetected")
    since = found.pop("since")
    assert since < clock.now()
    assert found == {"kind": "AliasMissing", "where": "cdn_aliases", "what": HOST, "repair": "workflow"}
    assert [machine for machine, _ in world.started] == ["onboard"]
    effect = world.provisioning.effects.of("granja", "cdn_aliases")
    assert effect
    assert effect.state == EffectState.STARTED, "or the workflow would trust the record"

    third = repairing().look()
    assert (third["reported"], third["started"]) == ([], []), "told once; started once an hour"
    assert len(world.told("DriftDetected")) == 1


def test_what_is_put_right_is_told_too(world: World) -> None:
    world.distribution.aliases.remove(HOST)
    repairing().look()
    repairing().look()
    world.distribution.aliases.append(HOST)

    assert repairing().look()["gone"] == [f"AliasMissing#granja#{HOST}"]

    assert [found["what"] for found in world.told("DriftRepaired")] == [HOST]
    assert world.findings() == {}
    assert repairing().look()["gone"] == []


def test_what_one_scan_alone_has_seen_is_forgotten(world: World) -> None:
    world.distribution.aliases.remove(HOST)
    repairing().look()
    world.distribution.aliases.append(HOST)

    repairing().look()

    assert world.findings() == {}
    assert world.told("DriftDetected") == world.told("DriftRepaired") == []


def test_the_same_thing_another_day_is_another_event(world: World) -> None:
    for _ in range(2):
        world.distribution.aliases.remove(HOST)
        repairing().look()
        repairing().look()
        world.distribution.aliases.append(HOST)
        repairing().look()

    assert len(world.told("DriftDetected")) == len(world.told("DriftRepaired")) == 2
    assert len(world.started) == 2, "and another repair, be it within the hour"


def test_what_needs_a_person_is_told_and_left_alone(world: World) -> None:
    world.distribution.aliases.append(f"moras.{BASE}")
    world.zone.put(HOST, "A", "192.0.2.7")
    world.folders["moras"] = {"current": None, "files": ["2.duckdb"], "logs": []}
    aliases, records = list(world.distribution.aliases), dict(world.zone.records)

    repairing().look()
    answer = repairing().look()

    assert [found["repair"] for found in world.told("DriftDetected")] == ["person"] * 3
    assert answer["started"] == world.started == []
    assert (world.distribution.aliases, world.zone.records) == (aliases, records)


def test_of_a_tenant_that_is_worked_on_nothing_is_said(world: World, lifecycle: Lifecycle) -> None:
    world.distribution.aliases.remove(HOST)
    repairing().look()
    repairing().look()
    lifecycle.claim("granja", "repair")

    answer = repairing().look()

    assert (answer["gone"], answer["started"]) == ([], [])
    assert world.findings() == {f"AliasMissing#granja#{HOST}": True}


def test_a_lease_of_an_execution_that_has_ended_is_found(world: World, lifecycle: Lifecycle) -> None:
    lifecycle.claim("granja", "dies")
    assert repairing().look()["found"] == 0
    lifecycle.end("dies")

    repairing().look()

    assert repairing().look()["started"] == ["granja"]
    assert [found["kind"] for found in world.told("DriftDetected")] == ["LeaseAbandoned"]


def test_a_suspended_site_that_is_served_is_closed_by_its_workflow(world: World) -> None:
    world.tables.provisioning.update_item(
        Key={"pk": "TENANT#granja", "sk": "TENANT"},
        UpdateExpression="SET #status = :suspended",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":suspended": "SUSPENDED"},
    )
    world.served = [HOST]

    repairing().look()

    assert repairing().look()["started"] == ["granja"]
    effect = world.provisioning.effects.of("granja", "edge_cache")
    assert effect
    assert effect.state == EffectState.STARTED


def test_a_table_that_was_emptied_stops_everything(world: World) -> None:
    world.distribution.aliases.remove(HOST)
    repairing().look()
    world.tables.tenants.delete_item(Key={"tenant_id": "granja"})
    before = world.tables.items()

    for _ in range(3):
        assert repairing().look() == {"refused": "the tenants table is empty"}

    assert world.tables.items() == before
    assert world.started == []


def test_what_can_not_be_read_is_no_drift(world: World) -> None:
    def fails(_: Any) -> Any:
        raise ValueError("no file system")

    world.functions.functions["fluxion-tenant-database"] = fails
    before = world.tables.items()

    with pytest.raises(
        ServiceUnavailable, match="fluxion-tenant-database could not do InspectDatabases: no file system"
    ):
        repairing().look()
    assert world.tables.items() == before


@pytest.mark.parametrize("is_configured", [False, True])
def test_left_overs_are_removed_if_the_stack_says_so(world: World, is_configured: bool) -> None:
    world.tables.provisioning.put_item(Item={"pk": "CLAIM#moras", "sk": "CLAIM", "tenant_id": "moras", "at": "x"})
    gone = {**world.tables.provisioning.get_item(Key={"pk": "TENANT#granja", "sk": "TENANT"})["Item"]}
    gone |= {"pk": "TENANT#pera", "tenant_id": "pera", "status": "OFFBOARDED", "host": f"pera.{BASE}"}
    world.tables.provisioning.put_item(Item=gone)
    world.effect("pera", "dns_records", TARGET)

    repairing(remove_left_overs=is_configured).look()
    repairing(remove_left_overs=is_configured).look()

    assert {found["kind"] for found in world.told("DriftDetected")} == {"ClaimOrphaned", "EffectLeft"}
    assert (world.provisioning.claims.holder("moras") is None) == is_configured
    record = world.provisioning.record("pera")
    assert record
    assert (record.status, record.due_for) == (("OFFBOARDING", "retry") if is_configured else ("OFFBOARDED", None))


def test_a_run_that_has_failed_is_not_started_every_hour(
    world: World, lifecycle: Lifecycle, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = iter(f"2026-11-24T{hour:02d}:00:00.000Z" for hour in range(24))
    monkeypatch.setattr("tenancy.reconcile.repair.clock.now", lambda seconds=0: next(hours))
    world.distribution.aliases.remove(HOST)
    for _ in range(4):
        repairing().look()
    assert len(world.started) > 1, "while its runs end well"

    lifecycle.claim("granja", "fails")
    lifecycle.fail("granja", "AliasBelongsToOthers", stage="AttachCname", execution="fails")
    lifecycle.end("fails")
    world.started.clear()
    for _ in range(4):
        repairing().look()

    assert len(world.started) == 1


def test_the_zone_is_read_as_the_writer_writes_it(world: World) -> None:
    """What the inventory reads of a record is what the plan of the writer would create."""
    assert HostedZone.system == "dns_records"
    world.zone.records.clear()
    repairing().look()

    assert set(world.findings()) == {f"RecordMissing#granja#A {HOST}", f"RecordMissing#granja#AAAA {HOST}"}
