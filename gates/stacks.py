"""Check the stacks by lifetime: what the control plane's may hold, and that imports go one way.

A release deploys template.yaml alone. What it does not hold, a release can neither replace nor remove nor reset.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from gates import report, transform

Template = Mapping[str, Any]

RELEASED = "template.yaml"
# What can be made again without anybody noticing. Anything else has a stack of its own that no release deploys.
MAY_HOLD = (
    "AWS::CloudWatch::Alarm",
    "AWS::Events::",
    "AWS::IAM::",
    "AWS::Lambda::",
    "AWS::Logs::LogGroup",
    "AWS::SecretsManager::Secret",
    "AWS::SNS::",
    "AWS::SQS::",
    "AWS::StepFunctions::StateMachine",
)
_SHORT_LIVED_TABLES = ("AliasRequestsTable", "CacheRequestsTable", "DnsRequestsTable")


def findings(root: Path) -> list[str]:
    """Return the faults of the templates below a folder."""
    templates = {name: transform.transformed(root / name) for name in transform.STACKS}
    return [*held(templates[RELEASED]), *one_way(templates)]


def held(template: Template) -> list[str]:
    """Return the resources of the control plane's template that have to outlive its releases."""
    return [
        f"{RELEASED}: {name}: {resource['Type']} outlives releases: move it to a stack before this one"
        for name, resource in template["Resources"].items()
        if not resource["Type"].startswith(MAY_HOLD)
        and not (resource["Type"] == "AWS::DynamoDB::Table" and name in _SHORT_LIVED_TABLES)
    ]


def one_way(templates: Mapping[str, Template]) -> list[str]:
    """Return imports from no earlier stack, and exports that no later one imports. templates: by file, in any order."""
    found: list[str] = []
    exported: dict[str, str] = {}
    imported: set[str] = set()
    for file, stack in transform.STACKS.items():
        for name in imports(templates[file]):
            imported.add(name)
            if name not in exported:
                found.append(f"{file}: imports {name}, which no stack before it exports")
        exported |= dict.fromkeys(exports(templates[file], stack), file)
    unused = (
        f"{file}: exports {name}, which nobody imports" for name, file in exported.items() if name not in imported
    )
    return [*found, *unused]


def imports(value: Any) -> Iterator[str]:
    """Yield the name of everything that a value imports, as it stands in the template unless it is plain text."""
    if isinstance(value, Mapping):
        if "Fn::ImportValue" in value:
            yield str(value["Fn::ImportValue"])
        for one in value.values():
            yield from imports(one)
    elif isinstance(value, list):
        for one in value:
            yield from imports(one)


def exports(template: Template, stack: str) -> Iterator[str]:
    """Return the names that a template exports, as the stack of that name."""
    for output in template.get("Outputs", {}).values():
        if "Export" in output:
            yield output["Export"]["Name"]["Fn::Sub"].replace("${AWS::StackName}", stack)


if __name__ == "__main__":
    report.main(findings)
