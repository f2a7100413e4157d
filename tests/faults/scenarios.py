"""What is going on when a fault strikes. Each is run once without one, and its trace says where faults can strike."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import duckdb

from tests.faults import template
from tests.faults.points import Crossing, Fault, Place
from tests.faults.world import Settled, World, populated

TENANT = "granja"
_MOST_TICKS = 3
LOOK_ALIKE, ITS_ORIGINAL = "1agranja", "lagranja"


def _nothing(_: World) -> None:
    pass


@dataclass(frozen=True)
class Scenario:
    """prepare: what is there before. ask: what then happens.

    obstacles: faults that last and are part of the scenario: permanent errors of a stage. ends: how it may end,
    a status, ``FAILED`` and ``OFFBOARDED`` clean, or
    ``HELD``. tenant: whom it is about.
    """

    name: str
    what: str
    ask: Callable[[World], None]
    ends: str
    prepare: Callable[[World], None] = _nothing
    obstacles: tuple[tuple[str, str, str, str], ...] = ()
    tenant: str = TENANT
    like: tuple[str, ...] = ()
    """Scenarios that go the same way up to the obstacle: its calls have their cases there."""
    returns: bool = False
    """Whether the tenant was gone for good, and has nothing of what it had."""

    def faults(self) -> list[Fault]:
        """The obstacles, new."""
        return [
            Fault(Place(caller, service, operation, 1), what, lasts=True)
            for caller, service, operation, what in self.obstacles
        ]


def _insert(world: World) -> None:
    world.insert(TENANT)


def _live(world: World) -> None:
    world.insert(TENANT)
    world.run()
    assert world.record(TENANT)["status"] == "ACTIVE"


def _overwrite(world: World) -> None:
    world.overwrite(TENANT, name="La Granja Nueva", tier="premium")


def _remove(world: World) -> None:
    world.remove(TENANT)


def _held(world: World) -> None:
    """Removed, and its grace period is over in a minute."""
    _live(world)
    _remove(world)
    world.run()
    assert world.record(TENANT)["operation"]["state"] == "HELD", world.record(TENANT)
    world.clock.now = dt.datetime.fromisoformat(world.record(TENANT)["due_at"]).timestamp() - 60


def _never_live(world: World) -> None:
    """It has stalled, and there is already a database."""
    world.strike(Fault(Place("edge-cache", "cloudfront", "CreateInvalidation", 1), "5xx", lasts=True))
    _insert(world)
    world.run()
    world.lift()
    assert world.record(TENANT)["operation"]["state"] == "STALLED", world.record(TENANT)


def _gone(world: World) -> None:
    _held(world)
    _again(world)
    world.run()
    assert world.record(TENANT)["status"] == "OFFBOARDED", world.record(TENANT)


def _back(world: World) -> None:
    """It was gone, and is live again with an empty shop; the archive has a customer."""
    _live(world)
    with duckdb.connect(str(world.tenants_folder / world.record(TENANT)["database_path"])) as connection:
        connection.execute(
            "INSERT INTO customers VALUES (?, 'c', 'Ana', NULL, NULL, NULL, '2026-01-01', '2026-01-01')", [TENANT]
        )
    _remove(world)
    world.run()
    world.clock.now = dt.datetime.fromisoformat(world.record(TENANT)["due_at"]).timestamp() - 60
    _again(world)
    world.run()
    _insert(world)
    world.run()
    assert world.record(TENANT)["status"] == "ACTIVE", world.record(TENANT)


def _restore(world: World) -> None:
    asked = {"archive": world.record(TENANT)["archive"]["folder"], "asked_at": "2026-11-24T12:00:00Z"}
    world.overwrite(TENANT, restore=asked)


def _return_midway(world: World) -> None:
    """Its item is back when its records have gone already."""
    _again(world)
    while any(execution.state != "DetachCname" for execution in world.machines.running):
        world.step()
    _insert(world)
    world.rest()
    for _ in range(_MOST_TICKS):
        if world.record(TENANT)["status"] == "ACTIVE":
            return
        world.tick()
        world.rest()


def _suspend(world: World) -> None:
    world.overwrite(TENANT, desired_state="suspended")


def _suspended(world: World) -> None:
    _live(world)
    _suspend(world)
    world.run()
    assert world.record(TENANT)["status"] == "SUSPENDED", world.record(TENANT)


def _stalled(world: World) -> None:
    """Nobody answers for the zone, for longer than every retry."""
    world.strike(Fault(Place("dns-records", "route53", "ChangeResourceRecordSets", 1), "5xx", lasts=True))
    world.insert(TENANT)
    world.run()
    world.lift()
    assert world.record(TENANT)["operation"]["state"] == "STALLED", world.record(TENANT)


def _again(world: World) -> None:
    """The schedule starts what has stalled, once it is due."""
    for _ in range(100):
        world.tick()
        if any(execution.status == "RUNNING" for execution in world.executions(TENANT)):
            return
    if world.item(TENANT):
        world.retry(TENANT)


def _foreign_record(world: World) -> None:
    world.state.zone.put(world.host(TENANT), "A", "192.0.2.99")


def _foreign_alias(world: World) -> None:
    world.state.cloudfront.attach_elsewhere("E9STRANGER", world.host(TENANT))


def _invalid(world: World) -> None:
    world.insert(TENANT, tier="gold")


def _full(world: World) -> None:
    aliases = world.state.cloudfront.aliases[template.DISTRIBUTION]
    aliases += [f"otra-{number}.{template.BASE}" for number in range(100 - len(aliases))]


def _original(world: World) -> None:
    world.insert(ITS_ORIGINAL)
    world.run()


def _confusable_name(world: World) -> None:
    world.insert(LOOK_ALIKE)


_DENIED = "AccessDeniedException"

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario("onboard", "a new tenant", _insert, "ACTIVE"),
        Scenario("update", "an item of a live tenant changes", _overwrite, "ACTIVE", _live),
        Scenario("remove", "the item of a live tenant goes", _remove, "HELD", _live),
        Scenario("offboard", "a removed tenant's grace period is over", _again, "OFFBOARDED", _held),
        Scenario(
            "offboard-never-live",
            "the item of a stalled tenant goes",
            _remove,
            "OFFBOARDED",
            _never_live,
            like=("offboard",),
        ),
        Scenario("cancel", "the item is back within the grace period", _insert, "ACTIVE", _held),
        Scenario(
            "return",
            "the item of a tenant that is gone is back",
            _insert,
            "ACTIVE",
            _gone,
            returns=True,
        ),
        Scenario(
            "return-midway",
            "the item is back while the tenant is taken down",
            _return_midway,
            "ACTIVE",
            _held,
            like=("offboard", "onboard", "return"),
            returns=True,
        ),
        Scenario("restore", "a live tenant gets the rows of its archive", _restore, "ACTIVE", _back, like=("update",)),
        Scenario("suspend", "a live tenant is to be suspended", _suspend, "SUSPENDED", _live, like=("update",)),
        Scenario("resume", "a suspended tenant is to be live", _insert, "ACTIVE", _suspended, like=("cancel",)),
        Scenario("retry", "a stalled tenant is tried again", _again, "ACTIVE", _stalled),
        Scenario("invalid", "the item breaks a rule", _invalid, "FAILED", like=("onboard",)),
        Scenario(
            "look-alike",
            "the name looks like a live one",
            _confusable_name,
            "FAILED",
            _original,
            tenant=LOOK_ALIKE,
            like=("onboard",),
        ),
        Scenario(
            "foreign-alias", "another distribution has the host", _insert, "FAILED", _foreign_alias, like=("onboard",)
        ),
        Scenario("quota", "the distribution is full", _insert, "FAILED", _full, like=("onboard",)),
        Scenario(
            "foreign-record", "the zone has a record of the host", _insert, "FAILED", _foreign_record, like=("onboard",)
        ),
        Scenario(
            "no-database",
            "SeedDatabase may not write",
            _insert,
            "FAILED",
            obstacles=(("tenant-database.SeedDatabase", "dynamodb", "TransactWriteItems", _DENIED),),
            like=("onboard",),
        ),
        Scenario(
            "no-invalidation",
            "CloudFront refuses the invalidation",
            _insert,
            "FAILED",
            obstacles=(("edge-cache", "cloudfront", "CreateInvalidation", "AccessDenied"),),
            like=("onboard",),
        ),
        Scenario(
            "no-secret",
            "VerifyTenant may not read its secret",
            _insert,
            "FAILED",
            obstacles=(("tenant-probe.VerifyTenant", "secretsmanager", "GetSecretValue", _DENIED),),
            like=("onboard",),
        ),
        Scenario(
            "no-activation",
            "ActivateTenant may not write",
            _insert,
            "FAILED",
            obstacles=(("tenant-record.ActivateTenant", "dynamodb", "TransactWriteItems", _DENIED),),
            like=("onboard",),
        ),
        Scenario(
            "refused-update",
            "a change of a live tenant is refused",
            _overwrite,
            "ACTIVE",
            _live,
            obstacles=(("edge-cache", "cloudfront", "CreateInvalidation", "AccessDenied"),),
            like=("update",),
        ),
    )
}


@cache
def _populated() -> Settled:
    return populated()


@cache
def begun(name: str) -> Settled:
    """A world at rest, in which the scenario can be asked for."""
    scenario = SCENARIOS[name]
    with World(settled=_populated()) as world:
        scenario.prepare(world)
        world.run()
        return world.settle()


@cache
def trace_of(name: str) -> tuple[Crossing, ...]:
    """Every call of the scenario without any other fault."""
    scenario = SCENARIOS[name]
    with World(settled=begun(name)) as world:
        world.strike(*scenario.faults())
        scenario.ask(world)
        world.rest()
        return tuple(world.trace)
