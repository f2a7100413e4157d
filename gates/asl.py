"""Check the state machines. cfn-lint never opens a `DefinitionUri`, so each file is put into a native resource for it.

Beyond its schema: targets exist, every state is reached, `${…}` equals the template's DefinitionSubstitutions, every
state has a comment, and every task can neither hang nor vanish.
"""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gates import cfn, report, transform

_KEY = re.compile(r"\$\{([A-Za-z0-9_]+)\}")
_LONGEST_NAME = 80  # Step Functions' own limit for the name of a state


def findings(root: Path) -> list[str]:
    """Return the faults of the state machines below a folder."""
    files = sorted((root / "statemachine").glob("*.asl.json"))
    if not files:
        return ["statemachine/: there is no state machine"]
    found = substitutions(root, [path.name for path in files])
    for path in files:
        definition = json.loads(path.read_text())
        found += [
            f"{path.name}: {finding}" for finding in [*schema(definition), *graph(definition), *manners(definition)]
        ]
    return found


def schema(definition: Mapping[str, Any]) -> list[str]:
    """Return cfn-lint's findings about one definition."""
    keys = sorted(set(_KEY.findall(json.dumps(definition))))
    properties = {
        "RoleArn": "arn:aws:iam::123456789012:role/fluxion",
        "Definition": definition,
        # No unused ones: cfn-lint looks for them. The values have the shape of what stands there on AWS.
        "DefinitionSubstitutions": {key: _example(key) for key in keys},
    }
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "machine.json"
        path.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Machine": machine}}))
        return [f"{rule} {text.split(': ', 2)[-1]}" for rule, _, text in cfn.lint([path])]


def _example(key: str) -> str:
    if key.endswith("FunctionArn"):
        return "arn:aws:lambda:us-east-1:123456789012:function:example"
    return "example"


def graph(definition: Mapping[str, Any]) -> list[str]:
    """Return the targets that do not exist, and the states that no other state leads to."""
    states = definition["States"]
    targets = {name: set(_targets(state)) for name, state in states.items()}
    found = [
        f"{name}: leads to {target}, which does not exist: correct the name"
        for name, aims in [("StartAt", {definition["StartAt"]}), *targets.items()]
        for target in sorted(aims - set(states))
    ]
    reached, waiting = set(), [definition["StartAt"]]
    while waiting:
        name = waiting.pop()
        if name in reached or name not in states:
            continue
        reached.add(name)
        waiting += targets[name]
    return found + [f"{name}: nothing leads to it: remove it, or lead there" for name in states if name not in reached]


def _targets(state: Mapping[str, Any]) -> Iterator[str]:
    yield from (state[key] for key in ("Next", "Default") if key in state)
    for branch in (*state.get("Choices", []), *state.get("Catch", [])):
        yield branch["Next"]


def manners(definition: Mapping[str, Any]) -> list[str]:
    """Return the states without a comment, and the tasks without a timeout, retries with jitter or a catch."""
    found = []
    if definition.get("QueryLanguage") != "JSONata":
        found.append("QueryLanguage is not JSONata: set it")
    if "TimeoutSeconds" not in definition:
        found.append("the machine has no TimeoutSeconds: set it")
    for name, state in definition["States"].items():
        if not state.get("Comment"):
            found.append(f"{name}: has no Comment: say what the state does")
        if len(name) > _LONGEST_NAME or not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
            found.append(f"{name}: a name is PascalCase and has at most {_LONGEST_NAME} characters")
        if state["Type"] == "Task":
            found += [
                f"{name}: has no {key}: add it" for key in ("TimeoutSeconds", "Retry", "Catch") if not state.get(key)
            ]
            found += [
                f"{name}: the retry of {', '.join(retry['ErrorEquals'])} has no JitterStrategy: set FULL or NONE"
                for retry in state.get("Retry", [])
                if "JitterStrategy" not in retry
            ]
    return found


def substitutions(root: Path, files: list[str]) -> list[str]:
    """Compare `${…}` in the files with DefinitionSubstitutions in the template; find files that nobody deploys."""
    template = transform.read(root / "template.yaml")
    found, deployed = [], set()
    for name, properties in transform.resources(template, "AWS::Serverless::StateMachine"):
        file = Path(str(properties.get("DefinitionUri", ""))).name
        deployed.add(file)
        if file not in files:
            found.append(f"template.yaml: {name}: DefinitionUri {file!r} is not in statemachine/")
            continue
        used = set(_KEY.findall((root / "statemachine" / file).read_text()))
        given = set(properties.get("DefinitionSubstitutions", {}))
        found += [
            f"{file}: ${{{key}}} is not among {name}'s DefinitionSubstitutions: add it" for key in sorted(used - given)
        ]
        found += [f"template.yaml: {name}: {file} does not use ${{{key}}}: remove it" for key in sorted(given - used)]
    return found + [
        f"{file}: no state machine of the template uses it: remove it" for file in files if file not in deployed
    ]


if __name__ == "__main__":
    report.main(findings)
