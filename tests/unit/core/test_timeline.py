"""A run as its stages."""

import json
from typing import Any

from tenancy.domain import timeline
from tenancy.domain.events import TYPES

START = "2026-11-24T08:00:00.000Z"


def record(kind: str, state: str, stage: str, attempt: int = 1) -> dict[str, Any]:
    operation = {"kind": kind, "state": state, "stage": stage, "execution_arn": "run", "started_at": START}
    return {"status": "OFFBOARDING", "generation": 1, "attempt": attempt, "operation": operation}


def event(kind: str, stage: str, second: int, attempt: int = 1) -> dict[str, Any]:
    detail = json.dumps({"data": {"stage": stage, "attempt": attempt}})
    return {"type": kind, "detail": detail, "occurred_at": f"2026-11-24T08:00:{second:02d}.000Z"}


def in_order_of_keys(*events: dict[str, Any]) -> list[dict[str, Any]]:
    """As a query gives them."""
    return sorted(events, key=lambda each: TYPES[each["type"]].order)


REMOVAL = in_order_of_keys(
    event("DnsRecordsDeleted", "DeleteDnsRecords", 1),
    event("CnameDetached", "DetachCname", 2),
    event("DatabaseArchived", "ArchiveDatabase", 4),
    event("CacheInvalidated", "InvalidateCache", 7),
    event("HostnameReleased", "ReleaseHostname", 8),
    event("TenantOffboarded", "ReleaseHostname", 8),
)


def test_a_removal_is_told_in_the_order_of_its_states_each_once() -> None:
    shown = timeline.stages(record("offboard", "SUCCEEDED", "ReleaseHostname"), REMOVAL)

    assert [(stage.name, stage.event) for stage in shown] == [
        ("DeleteDnsRecords", "DnsRecordsDeleted"),
        ("DetachCname", "CnameDetached"),
        ("ArchiveDatabase", "DatabaseArchived"),
        ("InvalidateCache", "CacheInvalidated"),
        ("ReleaseHostname", "TenantOffboarded"),
    ]
    assert [(stage.since[17:19], (stage.until or "")[17:19]) for stage in shown] == [
        ("00", "01"), ("01", "02"), ("02", "04"), ("04", "07"), ("07", "08"),
    ]  # fmt: skip


def test_a_removal_that_is_held_has_no_stages() -> None:
    before = [event("TenantClaimed", "ClaimTenant", 1), event("CacheInvalidated", "InvalidateCache", 2)]

    assert timeline.stages(record("offboard", "HELD", "HoldTenant"), before) == ()


def test_what_is_filed_beside_a_run_is_none_of_its_stages() -> None:
    beside = [
        event("DriftDetected", "Reconcile", 5),
        event("DatabaseMigrated", "MigrateDatabase", 6),
        event("DatabaseMigrationFailed", "MigrateDatabase", 7),
        event("DatabaseExported", "ExportData", 8),
    ]
    done = [event("TenantClaimed", "ClaimTenant", 1), event("TenantUpdated", "ActivateTenant", 3)]

    shown = timeline.stages(record("update", "SUCCEEDED", "ActivateTenant"), [*done, *beside])

    assert [stage.name for stage in shown] == ["ClaimTenant", "ActivateTenant"]


def test_these_events_come_from_no_state_of_a_run() -> None:
    assert {name for name, fact in TYPES.items() if fact.beside_runs} == {
        *("ArchiveExpired", "DatabaseExported", "DatabaseMigrated", "DatabaseMigrationFailed"),
        *("DriftDetected", "DriftRepaired", "TenantPurged"),
    }


def test_the_stage_that_failed_comes_last_with_what_was_undone_before_it() -> None:
    events = [
        event("TenantClaimed", "ClaimTenant", 1),
        event("CnameAttached", "AttachCname", 2),
        event("CnameDetached", "DetachCname", 4),
        event("TenantOnboardingFailed", "CreateDnsRecords", 5),
    ]

    shown = timeline.stages(record("onboard", "FAILED", "CreateDnsRecords"), events)

    assert [(stage.name, stage.has_failed) for stage in shown] == [
        ("ClaimTenant", False), ("AttachCname", False), ("DetachCname", False), ("CreateDnsRecords", True),
    ]  # fmt: skip


def test_a_failure_is_told_whatever_state_it_names() -> None:
    stalled = event("TenantStalled", "IsAskedAgain", 9)

    (shown,) = timeline.stages(record("onboard", "STALLED", "IsAskedAgain"), [stalled])

    assert (shown.name, shown.has_failed) == ("IsAskedAgain", True)


def test_the_stage_that_runs_comes_last_and_runs_since_the_one_before_it_ended() -> None:
    shown = timeline.stages(record("offboard", "RUNNING", "ArchiveDatabase"), REMOVAL[1:3])

    assert [(stage.name, stage.until is None) for stage in shown] == [
        ("DeleteDnsRecords", False), ("DetachCname", False), ("ArchiveDatabase", True),
    ]  # fmt: skip
    assert shown[-1].since == shown[-2].until


def test_events_of_another_run_are_not_this_runs() -> None:
    assert timeline.stages(record("offboard", "SUCCEEDED", "ReleaseHostname", attempt=2), REMOVAL) == ()
