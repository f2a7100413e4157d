"""Whose end a watcher sees."""

from typing import Any

import pytest

from cli import progress
from control.progress import run_of

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


class Script:
    """A tenant whose record changes each time it is looked at; the last one stays."""

    def __init__(self, *records: dict[str, Any] | None) -> None:
        self.records = list(records)

    def record(self, tenant_id: str) -> dict[str, Any] | None:
        return self.records.pop(0) if len(self.records) > 1 else self.records[0]

    def below(self, tenant_id: str, prefix: str, most: int) -> list[dict[str, Any]]:
        return []


def test_the_end_of_an_older_run_is_not_taken_for_this_ones():
    old, running, new = record("FAILED", attempt=1), record("RUNNING", attempt=2), record("SUCCEEDED", attempt=2)
    source = Script(old, old, running, new)

    seen = progress.follow(source, "granja", after=run_of(old), sleep=lambda _: None)

    assert [moment.state for moment in seen] == ["RUNNING", "SUCCEEDED"]


def test_nothing_new_is_not_shown_twice():
    source = Script(None, None, record(), record(), record("SUCCEEDED"))

    assert [m.state for m in progress.follow(source, "granja", sleep=lambda _: None)] == [
        "WAITING",
        "RUNNING",
        "SUCCEEDED",
    ]


def test_giving_up_says_how_far_it_was():
    ticks = iter(range(100))
    with pytest.raises(TimeoutError, match="granja is still RUNNING after 5 s"):
        list(progress.follow(Script(record()), "granja", timeout=5, sleep=lambda _: None, clock=lambda: next(ticks)))


def test_undoing_is_not_the_end():
    assert not progress.Progress("granja", record(state="ROLLING_BACK"), ()).has_ended
