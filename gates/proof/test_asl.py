"""State machines: broken ones are refused, as AWS would, and as operators would."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gates import asl

GOOD: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Work",
    "TimeoutSeconds": 60,
    "States": {
        "Work": {
            "Comment": "Works.",
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "${WorkFunctionArn}", "Payload": {}},
            "TimeoutSeconds": 10,
            "Retry": [{"ErrorEquals": ["States.Timeout"], "MaxAttempts": 2, "JitterStrategy": "FULL"}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
            "Next": "Done",
        },
        "Done": {"Comment": "All is well.", "Type": "Succeed"},
        "Failed": {"Comment": "It is not.", "Type": "Fail"},
    },
}


def findings(definition: dict[str, Any]) -> list[str]:
    return [*asl.graph(definition), *asl.manners(definition)]


BAD: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("leads to Nowhere", lambda d: d["States"]["Work"].update(Next="Nowhere")),
    ("leads to Nowhere", lambda d: d.update(StartAt="Nowhere")),
    ("leads to Nowhere", lambda d: d["States"]["Work"]["Catch"][0].update(Next="Nowhere")),
    ("Island: nothing leads to it", lambda d: d["States"].update(Island={"Comment": "x", "Type": "Succeed"})),
    ("Done: has no Comment", lambda d: d["States"]["Done"].pop("Comment")),
    ("Work: has no TimeoutSeconds", lambda d: d["States"]["Work"].pop("TimeoutSeconds")),
    ("Work: has no Retry", lambda d: d["States"]["Work"].pop("Retry")),
    ("Work: has no Catch", lambda d: d["States"]["Work"].pop("Catch")),
    ("has no JitterStrategy", lambda d: d["States"]["Work"]["Retry"][0].pop("JitterStrategy")),
    ("the machine has no TimeoutSeconds", lambda d: d.pop("TimeoutSeconds")),
    ("QueryLanguage", lambda d: d.update(QueryLanguage="JSONPath")),
    ("PascalCase", lambda d: d["States"].update(bad_name={"Comment": "x", "Type": "Succeed"})),
]


def test_the_good_machine_is_good():
    assert findings(GOOD) == []
    assert asl.schema(GOOD) == []


@pytest.mark.parametrize(("words", "change"), BAD)
def test_a_bad_machine_is_refused(words: str, change: Callable[[dict[str, Any]], Any]):
    definition = copy.deepcopy(GOOD)
    change(definition)

    assert any(words in finding for finding in findings(definition)), findings(definition)


def test_cfn_lint_sees_through_the_wrapper():
    definition = copy.deepcopy(GOOD)
    definition["States"]["Done"]["Type"] = "Sucseed"
    del definition["States"]["Work"]["Resource"]

    found = asl.schema(definition)
    assert any("Sucseed" in finding for finding in found), found
    assert any("Resource" in finding for finding in found), found


@pytest.mark.parametrize(
    ("substitutions", "words"),
    [
        ({}, "${WorkFunctionArn} is not among"),
        ({"WorkFunctionArn": "x", "Spare": "y"}, "does not use ${Spare}"),
        ({"WorkFunctionArn": "x"}, None),
    ],
)
def test_substitutions_are_compared_both_ways(tmp_path: Path, substitutions: dict[str, str], words: str | None):
    found = asl.substitutions(_project(tmp_path, "statemachine/work.asl.json", substitutions), ["work.asl.json"])

    assert found == [] if words is None else any(words in finding for finding in found), found


def test_a_machine_that_nobody_deploys_and_a_file_that_is_not_there_are_found(tmp_path: Path):
    found = asl.substitutions(_project(tmp_path, "statemachine/other.asl.json", {}), ["work.asl.json"])

    assert len(found) == 2


def _project(root: Path, definition: str, substitutions: dict[str, str]) -> Path:
    (root / "statemachine").mkdir()
    (root / "statemachine" / "work.asl.json").write_text(json.dumps(GOOD))
    properties = {"DefinitionUri": definition, "DefinitionSubstitutions": substitutions}
    machine = {"Type": "AWS::Serverless::StateMachine", "Properties": properties}
    (root / "template.yaml").write_text(json.dumps({"Resources": {"Machine": machine}}))
    return root
