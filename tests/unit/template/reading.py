"""The templates as values: each for itself, and data, edge and control plane as the one system that they are."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[3]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Sub x` is {"Fn::Sub": "x"}."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _intrinsic)


def read(file: str) -> dict[str, Any]:
    """A template of the repository."""
    return dict(yaml.load((ROOT / file).read_text(), _Loader))  # noqa: S506 - a SafeLoader


FOUNDATION, DATA, EDGE, MAIN, BACKEND = (
    read(file) for file in ("foundation.yaml", "data.yaml", "edge.yaml", "template.yaml", "backend.yaml")
)
STACKS: dict[str, dict[str, Any]] = {
    "fluxion-foundation": FOUNDATION,
    "fluxion-data": DATA,
    "fluxion-edge": EDGE,
    "fluxion": MAIN,
    "fluxion-backend": BACKEND,
}
"""In the order in which they are deployed."""
_EXPORTED = {
    f"{stack}-{name}": output["Value"]
    for stack in ("fluxion-data", "fluxion-edge")
    for name, output in STACKS[stack]["Outputs"].items()
    if "Export" in output
}


def _linked(value: Any) -> Any:
    """A value with what it imports from data and edge as it stands there, also inside of an `Fn::Sub`."""
    if isinstance(value, list):
        return [_linked(one) for one in value]
    if not isinstance(value, dict):
        return value
    if isinstance(name := value.get("Fn::ImportValue"), str) and name in _EXPORTED:
        return _EXPORTED[name]
    if isinstance(sub := value.get("Fn::Sub"), list):
        text, given = sub[0], _linked(sub[1])
        for name, one in list(given.items()):
            if one.keys() <= {"Ref", "Fn::GetAtt"}:
                text = text.replace(f"${{{name}}}", f"${{{one.get('Ref') or '.'.join(one['Fn::GetAtt'])}}}")
                del given[name]
        return {"Fn::Sub": [text, given] if given else text}
    return {key: _linked(one) for key, one in value.items()}


WHOLE: dict[str, Any] = _linked(
    {
        part: {**DATA.get(part, {}), **EDGE.get(part, {}), **MAIN[part]}
        for part in ("Parameters", "Conditions", "Resources")
    }
    | {"Globals": MAIN["Globals"]}
)
RESOURCES: dict[str, Any] = WHOLE["Resources"]


def of_type(kind: str, template: Mapping[str, Any] = WHOLE) -> dict[str, Any]:
    return {name: r["Properties"] for name, r in template["Resources"].items() if r["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")
FOLDERS = {name: properties["CodeUri"].split("/")[1] for name, properties in FUNCTIONS.items()}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(value: Any) -> Iterator[dict[str, Any]]:
    """Every policy statement inside a value."""
    if isinstance(value, Mapping):
        if "Effect" in value:
            yield dict(value)
        else:
            for one in value.values():
                yield from statements(one)
    elif isinstance(value, list):
        for one in value:
            yield from statements(one)
