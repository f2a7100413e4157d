"""Read the functions of the stack from the template."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Function:
    """A function. asked_through: names in a state's arguments by which the state asks it. called_by: in words."""

    folder: str
    name: str
    asked_through: tuple[str, ...]
    called_by: tuple[str, ...]


def functions(root: Path) -> list[Function]:
    """Return the functions of the main stack, in the template's order."""
    template = yaml.load((root / "template.yaml").read_text(), Loader=_Template)  # noqa: S506 - a SafeLoader
    found = []
    for logical, resource in template["Resources"].items():
        if resource["Type"] == "AWS::Serverless::Function":
            given = resource["Properties"]
            sources = list(_sources(given.get("Events", {})))
            tables = tuple(f"${{{name}}}" for kind, name in sources if kind == "stream of")
            words = (f"{kind} `{name}`" if name else kind for kind, name in sources)
            folder = given["CodeUri"].strip("/").rpartition("/")[2]
            found.append(
                Function(
                    folder, given["FunctionName"], (f"${{{logical}FunctionArn}}", *tables), tuple(dict.fromkeys(words))
                )
            )
    return found


def _sources(events: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what calls a function by itself: (kind, logical name of the table or queue)."""
    for event in events.values():
        given = event["Properties"]
        match event["Type"]:
            case "DynamoDB":
                table = given["Stream"].partition(".")[0]  # of this stack, or what data.yaml exports
                yield "stream of", table.removeprefix("fluxion-data-").removesuffix("StreamArn")
            case "SQS":
                yield "queue", given["Queue"].partition(".")[0]
            case "EventBridgeRule":
                yield ", ".join(given["Pattern"]["detail-type"]), ""
            case kind:
                yield f"a {kind.lower()}", ""


class _Template(yaml.SafeLoader):
    """A YAML loader with CloudFormation's short forms, of which only the values are kept."""


def _held(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_mapping(node, deep=True)


_Template.add_multi_constructor("!", _held)
