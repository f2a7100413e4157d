"""Stages with durations."""

import json
from typing import Any

from control.progress import seconds_between, stages

START = "2026-11-24T08:00:00Z"


def record(state: str = "RUNNING", stage: str = "AttachCname", attempt: int = 1) -> dict[str, Any]:
    operation = {
        "kind": "onboard",
        "state": state,
        "stage": stage,
        "execution_arn": f"run-{attempt}",
        "started_at": START,
    }
    return {"status": "PENDING", "generation": 1, "attempt": attempt, "operation": operation}


def event(stage: str, kind: str, second: int, attempt: int = 1) -> dict[str, Any]:
    detail = json.dumps({"data": {"stage": stage, "attempt": attempt}})
    return {"type": kind, "detail": detail, "occurred_at": f"2026-11-24T08:00:{second:02d}Z"}


def test_a_stage_lasts_from_the_end_of_the_one_before():
    events = [event("ClaimTenant", "TenantClaimed", 1), event("AttachCname", "CnameAttached", 4)]

    shown = stages(record(stage="CreateDnsRecords"), events)

    assert [(stage.name, stage.seconds) for stage in shown] == [
        ("ClaimTenant", 1.0),
        ("AttachCname", 3.0),
        ("CreateDnsRecords", None),
    ]


def test_undoing_is_shown_while_it_goes_on():
    shown = stages(record(state="ROLLING_BACK", stage="DiscardDatabase"), [])

    assert [(stage.name, stage.seconds) for stage in shown] == [("DiscardDatabase", None)]


def test_the_first_stage_counts_from_the_moment_when_it_was_asked_for():
    (claim, _) = stages(record(), [event("ClaimTenant", "TenantClaimed", 1)], "2026-11-24T07:59:58Z")

    assert claim.seconds == 3.0


def test_events_of_earlier_runs_are_not_this_runs():
    (stage,) = stages(record(attempt=2), [event("ClaimTenant", "TenantClaimed", 1, attempt=1)])

    assert (stage.name, stage.event, stage.seconds) == ("AttachCname", None, None)


def test_a_removal_that_is_held_has_no_stages():
    done = [event("ClaimTenant", "TenantClaimed", 1)]

    assert [stage.name for stage in stages(record("SUCCEEDED"), done)] == ["ClaimTenant"]
    assert stages(record("HELD"), done) == []


def test_two_clocks_never_make_a_negative_duration():
    assert seconds_between("2026-11-24T08:00:01Z", START) == 0.0
