"""Faults strike where they are said to, as often as they are said to, and look to the product as they look on AWS."""

import os
from pathlib import Path

import duckdb
import pytest

from tenancy.database import engine
from tests.faults.clock import Patches
from tests.faults.files import Files
from tests.faults.points import Crash, Fault, Place, Points
from tests.faults.refusals import Refused
from tests.faults.scenarios import TENANT, _populated
from tests.faults.world import World


def refusal(what: str, message: str) -> Exception:
    return Refused(what, message)


def crossed(points: Points, done: list[str], name: str = "x") -> object:
    return points.cross("f", "s", "Op", lambda: done.append(name), refusal=refusal)


@pytest.mark.parametrize(
    ("what", "raises", "takes_effect"),
    [
        ("Throttling", Refused, False),
        ("timeout-before", Refused, False),
        ("timeout-after", Refused, True),
        ("crash-before", Crash, False),
        ("crash-after", Crash, True),
    ],
)
def test_a_fault_before_the_effect_keeps_it_from_happening_and_one_after_it_does_not(
    what: str, raises: type[BaseException], takes_effect: bool
) -> None:
    points, done = Points([Fault(Place("f", "s", "Op", 2), what)]), []  # type: ignore[var-annotated]
    crossed(points, done, "first")
    with pytest.raises(raises):
        crossed(points, done, "second")

    assert done == ["first", "second"][: 1 + takes_effect]
    assert [crossing.struck for crossing in points.trace] == [False, True]


def test_a_fault_strikes_once_or_until_it_is_lifted() -> None:
    for lasts, strikes in ((False, 1), (True, 3)):
        fault = Fault(Place("f", "s", "Op", 2), "Throttling", lasts=lasts)
        points, done = Points([fault]), []  # type: ignore[var-annotated]
        for _ in range(4):
            try:
                crossed(points, done)
            except Refused:
                continue
        assert (fault.hits, len(done)) == (strikes, 4 - strikes)


def test_nothing_that_a_dead_process_still_tries_takes_effect() -> None:
    points, done = Points([Fault(Place("f", "s", "Op", 1), "crash-before")]), []  # type: ignore[var-annotated]
    with pytest.raises(Crash):
        crossed(points, done)
    with pytest.raises(Crash):
        crossed(points, done)

    assert done == []
    assert len(points.trace) == 1


def _struck(place: Place, what: str, *, lasts: bool = False) -> World:
    with World(settled=_populated()) as world:
        world.strike(Fault(place, what, lasts=lasts))
        world.insert(TENANT)
        world.rest()
    return world


def _tries(world: World, place: Place) -> list[str]:
    same = (place.caller, place.service, place.operation)
    found = [each for each in world.trace if (each.place.caller, each.place.service, each.place.operation) == same]
    return [crossing.outcome for crossing in found]


def test_botocore_itself_tries_again_where_the_product_lets_it_and_nowhere_else() -> None:
    own_table = Place("tenant-record.ClaimTenant", "dynamodb", "GetItem", 1)
    assert _tries(_struck(own_table, "throttle"), own_table) == ["throttle", "ok", "ok"]
    contended = Place("dns-records", "route53", "ChangeResourceRecordSets", 1)
    world = _struck(contended, "5xx")
    assert _tries(world, contended) == ["5xx", "ok"]
    attempts = [each for each in world.trace if each.place.caller == "OnboardTenant.CreateDnsRecords"]
    assert len(attempts) == 2, "the state has asked again"


def test_a_service_that_does_not_answer_costs_time_and_lambda_ends_what_takes_too_long() -> None:
    place = Place("tenant-record.ClaimTenant", "dynamodb", "GetItem", 1)
    world = _struck(place, "timeout-before", lasts=True)

    invocations = _tries(world, Place("OnboardTenant.ClaimTenant", "lambda", "Invoke", 1))
    assert set(invocations) == {"FunctionFailed"}
    assert world.record(TENANT)["last_error"]["code"] == "Sandbox.Timedout"


def test_a_write_that_is_torn_leaves_half_of_the_bytes_and_no_tenant_has_them() -> None:
    place = Place("tenant-database.SeedDatabase", "files", "write", 1)
    with World(settled=_populated()) as world:
        world.strike(Fault(place, "torn"))
        world.insert(TENANT)
        while not any(crossing.struck for crossing in world.trace):
            world.step()
        (torn,) = (world.tenants_folder / TENANT).glob(".*.partial")
        half = torn.stat().st_size
        world.run()

        (whole,) = (world.tenants_folder / TENANT).glob("*.duckdb")
        assert 0 < half < whole.stat().st_size
        assert world.record(TENANT)["database_path"] == f"{TENANT}/{whole.name}"
        assert not torn.exists()


@pytest.mark.parametrize("what", ["timeout-after", "crash-after"])
def test_an_opening_that_is_struck_leaves_no_database_open(tmp_path: Path, what: str) -> None:
    """The error keeps its frames alive, and with them what they hold: the next opening would meet that handle."""
    database = tmp_path / "some.duckdb"
    duckdb.connect(str(database)).close()
    points = Points(faults=[Fault(Place("f", "engine", "connect", 1), what)])
    patches = Patches()
    try:
        Files(lambda *given, **more: points.cross("f", *given, **more), lambda: True).install(patches)
        with pytest.raises((duckdb.IOException, Crash)) as kept:
            engine.connect(database, read_only=True)
    finally:
        patches.undo()

    engine.connect(database, read_only=False).close()
    assert kept.value is not None


def test_afterwards_everything_is_as_it_was(tmp_path: Path) -> None:
    before = os.open, os.write, os.fsync, dict(os.environ)
    _struck(Place("cdn-aliases", "cloudfront", "UpdateDistribution", 1), "crash-after")

    assert before == (os.open, os.write, os.fsync, dict(os.environ))
    (tmp_path / "file").write_text("written by the real ones")
