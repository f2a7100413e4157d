"""Run parliament on every policy of the transformed templates: actions, condition keys and operators have to exist.

A misspelt action grants nothing and a misspelt condition key is never there: neither is an error on AWS, and both are
found on the day when they are needed.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import parliament

from gates import report, transform
from gates.statements import branches
from gates.transform import resources

_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "123456789012",
    "AWS::URLSuffix": "amazonaws.com",
}
_ARN = "arn:aws:service:us-east-1:123456789012:placeholder"

# What it says about resources is not used: it cannot know what a placeholder stands for.
_USED = {
    "INVALID_ACTION",
    "INVALID_SID",
    "MALFORMED",
    "MISMATCHED_TYPE",
    "MISMATCHED_TYPE_OPERATION_TO_NULL",
    "UNKNOWN_ACTION",
    "UNKNOWN_CONDITION_FOR_ACTION",
    "UNKNOWN_OPERATOR",
    "UNKNOWN_PREFIX",
    "DUPLICATE_SID",
    "EXCEPTION",
}

# Condition keys that exist on AWS and not in its copy of the documentation.
_UNKNOWN_TO_IT = {"lambda:SourceFunctionArn"}


def findings(root: Path) -> list[str]:
    """Return the faults of the policies below a folder."""
    found = []
    for name in transform.TEMPLATES:
        for resource, document in documents(transform.transformed(root / name)):
            found += [f"{name}: {resource}: {finding}" for finding in inspect(document)]
    return found


def documents(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every policy of an identity, with the logical id of its resource."""
    for name, properties in resources(template, "AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for policy in [properties, *(one for some in properties.get("Policies", []) for one in branches(some))]:
            if "PolicyDocument" in policy:
                yield name, plain(policy["PolicyDocument"])


def plain(value: Any) -> Any:
    """Return a value without intrinsic functions: something of the same shape stands for what they would give."""
    if isinstance(value, list):
        return [plain(entry) for one in value for entry in branches(one)]
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"Fn::If"}:
        return plain(next(branches(value)))
    if set(value) == {"Fn::Sub"}:
        text = value["Fn::Sub"] if isinstance(value["Fn::Sub"], str) else value["Fn::Sub"][0]
        return re.sub(r"\$\{([^}]+)\}", _stand_in, text)
    if len(value) == 1 and next(iter(value)).startswith(("Fn::", "Ref")):
        return _PSEUDO.get(str(value.get("Ref")), _ARN)
    return {key: plain(entry) for key, entry in value.items()}


def _stand_in(found: re.Match[str]) -> str:
    return _PSEUDO.get(found[1], _ARN if found[1].endswith("Arn") else "placeholder")


def inspect(document: Mapping[str, Any]) -> list[str]:
    """Return parliament's findings in one policy, each once."""
    answer = parliament.analyze_policy_string(json.dumps(document))
    found = [
        f"{finding.issue}: {finding.detail}"
        for finding in answer.findings
        if finding.issue in _USED and not any(key in str(finding.detail) for key in _UNKNOWN_TO_IT)
    ]
    return list(dict.fromkeys(found))


if __name__ == "__main__":
    report.main(findings)
