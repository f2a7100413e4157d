"""Errors, and what the state machines do with them: both must speak of the same names."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tenancy.domain import errors, retries
from tenancy.domain.languages import ENGLISH, LANGUAGES, Language

ROOT = Path(__file__).resolve().parents[3]
MACHINES = sorted((ROOT / "statemachine").glob("*.asl.json"))

GROUPS = retries.groups()
OF_LAMBDA = {*GROUPS["lambda refuses"], *GROUPS["function died"]}
OF_DYNAMODB = set(GROUPS["dynamodb refuses"])
NOT_OURS = {"States.ALL", "States.Timeout", *OF_LAMBDA, *OF_DYNAMODB}


def tasks() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for machine in MACHINES:
        for name, state in json.loads(machine.read_text())["States"].items():
            if state["Type"] == "Task":
                yield machine.stem, name, state


def names(state: dict[str, Any], rule: str) -> set[str]:
    return {name for entry in state[rule] for name in entry["ErrorEquals"]}


def test_every_error_a_machine_names_exists() -> None:
    named = {name for _, _, state in tasks() for rule in ("Retry", "Catch") for name in names(state, rule)}

    assert named - NOT_OURS <= set(errors.leaves())


def test_every_transient_error_is_retried_somewhere_and_no_other_error_is() -> None:
    retried = {name for _, _, state in tasks() for name in names(state, "Retry")} - NOT_OURS

    assert retried == set(errors.leaves(errors.TransientError))


@pytest.mark.parametrize(("machine", "name", "state"), list(tasks()))
def test_a_task_cannot_hang_and_cannot_vanish(machine: str, name: str, state: dict[str, Any]) -> None:
    assert state["Comment"].endswith(".")
    assert 0 < state["TimeoutSeconds"] <= 3600
    # Looking whether DNS is there yet is no retry of something that is overloaded: what jitter would add, tenants wait.
    spread = [retry for retry in state["Retry"] if retry["ErrorEquals"] != ["SiteNotReady"]]
    assert all(retry["JitterStrategy"] == "FULL" for retry in spread)
    assert any(entry["ErrorEquals"] == ["States.ALL"] for entry in state["Catch"])


OF_STATES = {
    "CreateDnsRecords": "transient of the zone",
    "DeleteDnsRecords": "transient of the zone",
    "SeedDatabase": "transient of databases",
    "DiscardDatabase": "transient of databases",
    "ArchiveDatabase": "transient of databases",
    "VerifyTenant": "transient of the site",
}


@pytest.mark.parametrize(("machine", "name", "state"), list(tasks()))
def test_each_state_retries_every_transient_error_that_can_come_to_it(
    machine: str, name: str, state: dict[str, Any]
) -> None:
    of_its_service = OF_LAMBDA if "lambda" in state["Resource"] else OF_DYNAMODB
    of_its_kind = GROUPS[OF_STATES.get(name, "transient")]

    assert names(state, "Retry") == {"States.Timeout", *of_its_service, *GROUPS["transient"], *of_its_kind}


def test_what_cannot_be_undone_does_not_keep_the_rest_from_being_undone() -> None:
    for machine, name, state in tasks():
        if machine == "onboard_tenant.asl" and name in ("DiscardDatabase", "DeleteDnsRecords", "DetachCname"):
            assert state["Catch"][-1]["Next"] == state["Next"], (machine, name)


def test_an_offboarding_never_goes_on_behind_a_state_that_failed() -> None:
    """Or a record could be left that points at a distribution without the alias, or a database without its archive."""
    for machine, name, state in tasks():
        if machine == "offboard_tenant.asl" and name != "RecordFailure":
            assert state["Catch"][-1]["Next"] == "RecordFailure", name


def test_what_supersedes_ends_quietly_before_anything_is_recorded() -> None:
    quiet = set(errors.leaves(errors.SupersededError))
    for machine, name, state in tasks():
        first = state["Catch"][0]
        assert first["Next"] == "Superseded", (machine, name)
        assert set(first["ErrorEquals"]) <= quiet


@pytest.mark.parametrize("machine", MACHINES, ids=lambda path: path.stem)
def test_a_machine_outlives_its_tasks(machine: Path) -> None:
    definition = json.loads(machine.read_text())

    for state in definition["States"].values():
        attempts = 1 + max(
            (retry["MaxAttempts"] for retry in state.get("Retry", []) if "States.Timeout" in retry["ErrorEquals"]),
            default=0,
        )
        assert state.get("TimeoutSeconds", 0) * attempts < definition["TimeoutSeconds"]


def test_every_error_tells_a_person_what_to_do() -> None:
    assert set(ENGLISH.remedies) == set(errors.leaves())


@pytest.mark.parametrize("language", LANGUAGES[1:], ids=lambda language: language.name)
def test_every_error_that_is_recorded_is_told_in_every_language(language: Language) -> None:
    recorded = set(errors.leaves()) - set(errors.leaves(errors.SupersededError))

    assert set(language.causes) == set(language.remedies) == recorded
    assert language.other_cause
    assert language.other_remedy
    assert (set(language.what), set(language.status), set(language.command)) == (
        set(ENGLISH.what),
        set(ENGLISH.status),
        set(ENGLISH.command),
    )


def test_names_that_are_not_ours_are_worth_another_try() -> None:
    assert errors.is_permanent("InvalidTenantItem")
    assert not errors.is_permanent("SiteNotReady")
    assert not errors.is_permanent("States.Timeout")
    assert ENGLISH.remedy("States.Timeout") == ENGLISH.other_remedy
