"""What is made from other files: how a state machine's source is read, and how an outdated file is found."""

from pathlib import Path
from typing import Any

import pytest

from generate import machines
from generate.__main__ import differences

SOURCE = """
shared:
  again: &again {ErrorEquals: [transient of the zone, superseded, States.Timeout], MaxAttempts: 3}
  task: &task {Type: Task, Retry: [*again]}
Comment: A machine.
TimeoutSeconds: 60
States:
  Work:
    <<: *task
    Arguments: {N: "{% $string(1) %}", zone: "${Zone}", on: on, day: 2026-11-24, share: 1.50, no: null, yes: true}
    Comment: Works.
    Next: Done
  Done: {Type: Succeed, Comment: yes}
"""


def state(text: str, name: str) -> dict[str, Any]:
    return machines.definition_of(text)["States"][name]


def test_anchors_are_resolved_and_what_held_them_is_left_out() -> None:
    definition = machines.definition_of(SOURCE)

    assert list(definition) == ["Comment", "TimeoutSeconds", "States"]
    assert list(definition["States"]["Work"]) == ["Comment", "Type", "Arguments", "Retry", "Next"]


def test_a_group_of_errors_stands_for_its_names() -> None:
    names = ["ZoneBusy", "LeaseHeldByOther", "GenerationSuperseded", "States.Timeout"]

    assert state(SOURCE, "Work")["Retry"] == [{"ErrorEquals": names, "MaxAttempts": 3}]


def test_scalars_have_the_types_of_json_and_nothing_is_expanded() -> None:
    arguments = state(SOURCE, "Work")["Arguments"]

    assert arguments == {
        "N": "{% $string(1) %}",
        "zone": "${Zone}",
        "on": "on",
        "day": "2026-11-24",
        "share": 1.5,
        "no": None,
        "yes": True,
    }
    assert state(SOURCE, "Done")["Comment"] == "yes"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("transient of the zone", "transient of the zoo", "'transient of the zoo' is neither"),
        ("  Done: {", "  Work: {", "the key Work stands twice"),
        ("Comment: Works.", "Type: Pass\n    Type: Wait", "the key Type stands twice"),
    ],
)
def test_a_name_that_means_nothing_and_a_key_that_hides_another_are_refused(old: str, new: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        machines.definition_of(SOURCE.replace(old, new))


def test_what_is_missing_outdated_or_left_over_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "events" / "schemas"
    folder.mkdir(parents=True)
    for name in ("same", "outdated", "left_over"):
        (folder / f"{name}.json").write_text(name)
    wanted = {folder / f"{name}.json": text for name, text in (("same", "same"), ("outdated", "new"), ("missing", ""))}

    found = [line.removeprefix("events/schemas/").partition(":")[0] for line in differences(tmp_path, wanted)]

    assert found == [
        "outdated.json is not what its source says",
        "missing.json is not what its source says",
        "left_over.json has no source any more",
    ]
    assert differences(tmp_path, {path: path.read_text() for path in folder.iterdir()}) == []
