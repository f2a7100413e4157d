"""The templates as values, for the tests of this folder."""

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

MAIN: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), _Loader)  # noqa: S506
FOUNDATION: dict[str, Any] = yaml.load((ROOT / "foundation.yaml").read_text(), _Loader)  # noqa: S506
BACKEND: dict[str, Any] = yaml.load((ROOT / "backend.yaml").read_text(), _Loader)  # noqa: S506
RESOURCES: dict[str, Any] = MAIN["Resources"]


def of_type(kind: str, template: Mapping[str, Any] = MAIN) -> dict[str, Any]:
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
