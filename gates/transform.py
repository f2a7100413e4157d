"""Transform the templates as CloudFormation does; SAM's shorthand hides roles and policies from scanners.

Runs in the gates' own environment (aws-sam-translator).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

STACKS = {
    "foundation.yaml": "fluxion-foundation",
    "data.yaml": "fluxion-data",
    "edge.yaml": "fluxion-edge",
    "template.yaml": "fluxion",
    "backend.yaml": "fluxion-backend",
}
"""The templates and what their stacks are called, in the order in which they are deployed."""
TEMPLATES = tuple(STACKS)
_LOCAL_CODE = ("CodeUri", "ContentUri", "DefinitionUri")


def read(path: Path) -> dict[str, Any]:
    """Return a template as it is written, with CloudFormation's short forms (`!Sub`) spelled out."""
    return dict(yaml_parse(path.read_text()))


def transformed(path: Path) -> dict[str, Any]:
    """Return a template as CloudFormation gets it. Raises what the translator raises for a template that is wrong."""
    template = read(path)
    if "Transform" not in template:
        return template
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for key in _LOCAL_CODE:
            if isinstance(properties.get(key), str):  # `sam build` and `sam package` would have put it there
                properties[key] = "s3://bucket/key"
    translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="us-east-1"))
    return dict(translator.translate(template, parameter_values={}))


def resources(template: Mapping[str, Any], *types: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the logical ids and properties of all resources of some types."""
    for name, resource in template.get("Resources", {}).items():
        if resource["Type"] in types:
            yield name, resource.get("Properties", {})
