"""`make run`: what it tells, and how it ends."""

import json

import pytest
from filelock import FileLock

from local import run
from local.stack import own_folder

STARTED = "2026-11-24T04:00:00.000Z"


def record(status, state, stage, **more):
    operation = {"kind": "onboard", "state": state, "stage": stage, "started_at": STARTED, "execution_arn": "arn"}
    return {"status": status, "operation": operation, "attempt": 1, "generation": 1, **more}


def event(stage, kind, at):
    return {"detail": json.dumps({"data": {"attempt": 1, "stage": stage}}), "type": kind, "occurred_at": at}


class ControlPlane:
    """Shows one record after the other."""

    def __init__(self, *moments):
        self._moments = list(moments)
        self.added = []

    def add(self, item):
        self.added.append(item)
        return True

    def record(self, _):
        return self._moments[0][0]

    def below(self, *_):
        events = self._moments[0][1]
        if len(self._moments) > 1:
            self._moments.pop(0)
        return events


def test_each_stage_is_told_once_with_its_duration(capsys):
    claimed = event("ClaimTenant", "TenantClaimed", STARTED)
    attached = event("AttachCname", "CnameAttached", "2026-11-24T04:00:01.500Z")
    control_plane = ControlPlane(
        (record("PENDING", "RUNNING", "AttachCname"), [claimed]),
        (record("ACTIVE", "SUCCEEDED", "AttachCname"), [claimed, attached]),
    )
    assert run._onboard(control_plane, run.Terminal())
    told = capsys.readouterr().out
    assert told.count("TenantClaimed") == 1
    assert "1.50 s  CnameAttached" in told
    assert "granja is ACTIVE" in told
    assert [item["tenant_id"] for item in control_plane.added] == ["granja"]


def test_a_failure_is_told_with_its_cause_and_what_to_do(capsys):
    error = {"code": "AccessDenied", "stage": "SeedDatabase", "message": "no permission", "remedy": "give it"}
    failed = record("FAILED", "FAILED", "SeedDatabase", last_error=error)
    assert not run._onboard(ControlPlane((failed, [])), run.Terminal())
    told = capsys.readouterr().out
    assert "granja is FAILED: AccessDenied in SeedDatabase\nno permission\ngive it" in told


def test_what_hangs_is_told(capsys, monkeypatch):
    monkeypatch.setattr(run, "_ONBOARDING_SECONDS", 0.0)
    running = record("PENDING", "RUNNING", "VerifyTenant")
    assert not run._onboard(ControlPlane((running, [])), run.Terminal())
    assert "still RUNNING" in capsys.readouterr().out


def test_every_run_has_a_folder_of_its_own(tmp_path):
    with own_folder(tmp_path, "run") as first:
        with own_folder(tmp_path, "run") as second:
            assert (first.name, second.name) == ("run-1", "run-2")
        with own_folder(tmp_path, "test") as other:
            assert other.name == "test-1"
    with own_folder(tmp_path, "run") as again:
        assert again == first


def test_a_start_that_fails_ends_with_1_and_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setenv("LOCAL_AWS_PYTHON", "/nonexistent")
    assert run.main(["--once"]) == 1
    assert "The embedded AWS is not installed (/nonexistent)" in capsys.readouterr().out
    with FileLock(tmp_path / ".local/run-1/run.lock").acquire(timeout=0):
        pass


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
