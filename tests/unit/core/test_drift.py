"""Drift as values: each kind is found by its name, and what is right, or nobody's business, is not."""

from dataclasses import replace
from typing import Any

import pytest

from tenancy.domain import drift
from tenancy.domain.drift import Claim, Folder, Item, Kind, Observed
from tenancy.domain.plan import Record, alias_records
from tenancy.domain.record import TenantRecord

BASE = "fluxionia.co"
HOST = f"granja.{BASE}"
TARGET = "d111111abcdef8.cloudfront.net"
FILE = "18aa.duckdb"


def operation(state: str = "SUCCEEDED", kind: str = "onboard") -> dict[str, str]:
    return {"kind": kind, "state": state, "stage": "X", "execution_arn": "arn:1", "started_at": "2026-11-24T03:00:00Z"}


def record(**fields: Any) -> TenantRecord:
    plain: dict[str, Any] = {
        "tenant_id": "granja",
        "status": "ACTIVE",
        "operation": operation(),
        "spec_digest": "asked",
        "requested_at": "today",
        "skeleton": "granja",
        "host": HOST,
        "database_path": f"granja/{FILE}",
        "created_at": "x",
        "updated_at": "x",
    }
    return TenantRecord.model_validate(plain | fields)


def observed(**more: Any) -> Observed:
    """One live tenant, and all as it should be, but for what is said."""
    plain: dict[str, Any] = {
        "items": {"granja": Item("asked", "today")},
        "records": {"granja": record()},
        "effects": {"granja": {"dns_records": TARGET, "cdn_aliases": "E1", "tenant_database": "x", "edge_cache": "x"}},
        "claims": {"granja": Claim("granja")},
        "zone": {HOST: alias_records(HOST, TARGET)},
        "aliases": {BASE, f"*.{BASE}", f"www.{BASE}", HOST},
        "folders": {"granja": Folder(FILE, frozenset({FILE}))},
    }
    return Observed(**plain | more)


def found(world: Observed) -> list[tuple[str, str, str]]:
    return [(each.kind, each.tenant_id, each.what) for each in drift.find(world, BASE)]


def test_what_is_right_is_no_finding() -> None:
    assert found(observed()) == []


def replaced(tenant: str) -> TenantRecord:
    """Another live tenant, without anything on shared systems."""
    return record(
        tenant_id=tenant,
        host=f"{tenant}.{BASE}",
        skeleton=tenant,
        database_path=None,
        spec_digest="m",
        requested_at="x",
    )


A, AAAA = sorted(alias_records(HOST, TARGET))
ELSEWHERE = Record(HOST, "A", "192.0.2.7", is_alias=False)
GONE: dict[str, Any] = {"status": "OFFBOARDED", "spec_digest": "", "database_path": None}
HELD = {"lease": {"holder": "arn:2", "since": "x"}}

CASES: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {
    "a record deleted": ({"zone": {HOST: frozenset({A})}}, [("RecordMissing", "granja", f"AAAA {HOST}")]),
    "all records deleted": (
        {"zone": {}},
        [("RecordMissing", "granja", f"A {HOST}"), ("RecordMissing", "granja", f"AAAA {HOST}")],
    ),
    "a record changed": (
        {"zone": {HOST: frozenset({ELSEWHERE, AAAA})}},
        [("RecordChanged", "granja", f"A {HOST} 192.0.2.7")],
    ),
    "a record of another type beside them": (
        {"zone": {HOST: frozenset({A, AAAA, Record(HOST, "TXT", "x", is_alias=False)})}},
        [],
    ),
    "records of hosts that are nobody's": ({"zone": {HOST: frozenset({A, AAAA}), f"moras.{BASE}": {ELSEWHERE}}}, []),
    "an alias removed": ({"aliases": {BASE, f"*.{BASE}"}}, [("AliasMissing", "granja", HOST)]),
    "a foreign alias": ({"aliases": {HOST, f"moras.{BASE}"}}, [("AliasForeign", "moras", f"moras.{BASE}")]),
    "a foreign alias of another domain": (
        {"aliases": {HOST, "shop.example.com"}},
        [("AliasForeign", "shop.example.com", "shop.example.com")],
    ),
    "a file removed": ({"folders": {"granja": Folder(FILE)}}, [("DatabaseMissing", "granja", f"granja/{FILE}")]),
    "a folder removed": ({"folders": {}}, [("DatabaseMissing", "granja", f"granja/{FILE}")]),
    "a pointer to a missing file": (
        {"folders": {"granja": Folder("17.duckdb", frozenset({FILE}))}},
        [("PointerWrong", "granja", "current: 17.duckdb")],
    ),
    "a stale log": (
        {"folders": {"granja": Folder(FILE, frozenset({FILE}), frozenset({FILE, "17.duckdb"}))}},
        [("WriteAheadLogStale", "granja", "17.duckdb.wal")],
    ),
    "a file of nobody": (
        {"folders": {"granja": Folder(FILE, frozenset({FILE})), "moras": Folder(None, frozenset({"1.duckdb"}))}},
        [("DatabaseOrphaned", "moras", "moras/1.duckdb")],
    ),
    "a file of a tenant that is gone": (
        {"records": {"granja": record(**GONE)}, "items": {}, "effects": {}, "zone": {}, "aliases": {BASE},
         "claims": {"granja": Claim("granja", "later")}},
        [("DatabaseOrphaned", "granja", f"granja/{FILE}")],
    ),
    "a claim of nobody": (
        {"claims": {"granja": Claim("granja"), "moras": Claim("moras")}},
        [("ClaimOrphaned", "moras", "moras")],
    ),
    "a name that is kept for a while": ({"claims": {"granja": Claim("granja"), "moras": Claim("moras", "later")}}, []),
    "a tenant without claim": ({"claims": {}}, [("ClaimMissing", "granja", "granja")]),
    "a claim that somebody else has": ({"claims": {"granja": Claim("gran1a")}}, [
        ("ClaimMissing", "granja", "granja"), ("ClaimOrphaned", "gran1a", "granja"),
    ]),
    "a lease of a dead execution": (
        {"records": {"granja": record(**HELD)}, "zone": {}, "aliases": {BASE}},
        [("LeaseAbandoned", "granja", "arn:2")],
    ),
    "a tenant that is being worked on": (
        {"records": {"granja": record(**HELD)}, "running": {"arn:2"}, "zone": {}, "aliases": {BASE}, "folders": {}},
        [],
    ),
    "a suspended site that is served": (
        {"records": {"granja": record(status="SUSPENDED")}, "served": {"granja"}},
        [("SuspendedServed", "granja", HOST)],
    ),
    "a suspended site that is closed": ({"records": {"granja": record(status="SUSPENDED")}}, []),
    "an item that nobody has seen": (
        {"items": {"granja": Item("asked", "today"), "moras": Item(None, "now")}},
        [("ChangeMissed", "moras", "now")],
    ),
    "a change that nobody has seen": (
        {"items": {"granja": Item("other", "today")}},
        [("ChangeMissed", "granja", "today")],
    ),
    "an item whose run has failed": (
        {"items": {"granja": Item(None, "now")}, "records": {"granja": record(operation=operation("FAILED"))}},
        [],
    ),
    "a removal that nobody has seen": (
        {"items": {"moras": Item("m", "x")}, "records": {"granja": record(), "moras": replaced("moras")},
         "claims": {"granja": Claim("granja"), "moras": Claim("moras")}},
        [("RemovalMissed", "granja", "item")],
    ),
    "a removal in its grace period": (
        {"items": {"moras": Item("m", "x")},
         "records": {"granja": record(due_for="offboard"), "moras": replaced("moras")},
         "claims": {"granja": Claim("granja"), "moras": Claim("moras")}},
        [],
    ),
    "a stalled tenant that is due for nothing": (
        {"records": {"granja": record(status="PENDING", operation=operation("STALLED"))}},
        [("RetryMissed", "granja", "PENDING")],
    ),
    "a stalled tenant that is due": (
        {"records": {"granja": record(status="PENDING", operation=operation("STALLED"), due_for="retry")}},
        [],
    ),
    "an effect of a tenant that is gone": (
        {"records": {"granja": record(**GONE)}, "items": {}, "effects": {"granja": {"dns_records": TARGET}},
         "claims": {}, "folders": {}},
        [("EffectLeft", "granja", "dns_records")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_kind_is_found_by_its_name(case: str) -> None:
    more, expected = CASES[case]

    assert found(observed(**more)) == expected


def test_every_kind_has_a_case() -> None:
    assert {kind for _, expected in CASES.values() for kind, _, _ in expected} == {str(kind) for kind in Kind}


def test_a_table_that_was_emptied_is_noticed() -> None:
    assert drift.is_table_emptied(observed(items={}))
    assert not drift.is_table_emptied(observed())
    assert not drift.is_table_emptied(observed(items={}, records={"granja": record(**GONE)})), "nobody is served"
    assert not drift.is_table_emptied(Observed())


def test_of_a_tenant_that_is_worked_on_a_scan_says_nothing() -> None:
    working = observed(records={"granja": record(**HELD)}, running={"arn:2"})
    missing = drift.Finding(Kind.ALIAS_MISSING, "granja", HOST)

    assert not drift.is_judged(missing, working)
    assert drift.is_judged(replace(missing, kind=Kind.LEASE_ABANDONED), working)
    assert drift.is_judged(missing, observed())
    assert drift.is_judged(replace(missing, tenant_id="moras"), working)
