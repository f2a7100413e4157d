"""Schemas of the events, for subscribers: from the models to ``events/schemas/*.json``."""

import json
from collections.abc import Iterator
from pathlib import Path

from tenancy.domain.envelope import Metadata
from tenancy.domain.events import TYPES, Fact


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each event type's schema."""
    for name, fact in TYPES.items():
        yield root / "events" / "schemas" / f"{name}.json", json.dumps(schema(fact), indent=2) + "\n"


def schema(fact: type[Fact]) -> dict[str, object]:
    """Return the JSON Schema of the detail of one event type."""
    definition = {"metadata": Metadata.model_json_schema(), "data": fact.model_json_schema()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": fact.__name__,
        "description": fact.__doc__,
        "type": "object",
        "required": ["metadata", "data"],
        "additionalProperties": False,
        "properties": definition,
    }
