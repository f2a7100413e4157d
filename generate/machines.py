"""Build the state machines from ``statemachine/*.asl.yaml``: ``*.asl.json``, which alone is deployed and tested.

The sources are YAML with anchors, aliases and merge keys, and have JSON's types. Nothing in them is a template: what is
`${…}` or `{% … %}` there is so in the definition.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tenancy.domain import retries

type Machine = dict[str, Any]

_KEYS_OF_A_STATE = ("Comment", "Type", "Resource", "Arguments", "TimeoutSeconds", "Retry", "Catch", "Assign", "Output")
_ERROR = re.compile(r"[A-Z]\w*(\.\w+)?")


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each definition below a folder."""
    for name, definition in definitions(root).items():
        yield root / "statemachine" / f"{name}.asl.json", json.dumps(definition, indent=2, ensure_ascii=False) + "\n"


def definitions(root: Path) -> dict[str, Machine]:
    """Return each definition by the name of its file, OnboardTenant's first."""
    folder = root / "statemachine"
    shared = (folder / "shared.yaml").read_text()
    sources = sorted(folder.glob("*.asl.yaml"), reverse=True)
    return {path.name.partition(".")[0]: definition_of(shared + path.read_text()) for path in sources}


def title(name: str) -> str:
    """Return what a machine is called, from the name of its file."""
    return "".join(word.capitalize() for word in name.split("_"))


def definition_of(text: str) -> Machine:
    """Return what a source means. Keys that Step Functions does not know held anchors, and are left out.

    Raises ValueError for a key that stands twice, and for an error's name that is none.
    """
    source = yaml.load(text, Loader=_JsonTypes)  # noqa: S506 - a SafeLoader
    states = {name: _in_order(state) for name, state in source["States"].items()}
    return {key: value for key, value in source.items() if key[0].isupper()} | {"States": states}


def _in_order(state: dict[str, Any]) -> dict[str, Any]:
    """Return a merged state in the order that a person would write, with the names of its errors."""
    known = {key: state[key] for key in _KEYS_OF_A_STATE if key in state} | state
    rules = {key: [_with_names(rule) for rule in known[key]] for key in ("Retry", "Catch") if key in known}
    return known | rules


def _with_names(rule: dict[str, Any]) -> dict[str, Any]:
    groups = retries.groups()
    names = [name for entry in rule["ErrorEquals"] for name in groups.get(entry, (entry,))]
    if wrong := [name for name in names if not _ERROR.fullmatch(name)]:
        raise ValueError(f"ErrorEquals: {wrong[0]!r} is neither an error's name nor a group of tenancy.domain.retries")
    return {"ErrorEquals": names} | {key: value for key, value in rule.items() if key != "ErrorEquals"}


class _JsonTypes(yaml.SafeLoader):
    """A YAML loader with JSON's types: plain scalars are what they would be in JSON, else strings; keys are unique."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML wants it so

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys = [key.value for key, _ in node.value]
        if twice := sorted({key for key in keys if keys.count(key) > 1}):
            raise ValueError(f"the key {', '.join(twice)} stands twice{node.start_mark}: remove one")
        return node


for _tag, _pattern, _first in (
    ("merge", r"<<", "<"),
    ("null", r"null", "n"),
    ("bool", r"true|false", "tf"),
    ("int", r"-?(0|[1-9]\d*)", "-0123456789"),
    ("float", r"-?(0|[1-9]\d*)\.\d+", "-0123456789"),
):
    _JsonTypes.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))
