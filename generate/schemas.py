"""Write the events for subscribers: ``events/schemas/*.json`` and the lists of ``docs/events.md``, from the models."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

from generate import docstrings
from generate.markdown import between_marks, table
from tenancy.domain import drift
from tenancy.domain.envelope import Metadata
from tenancy.domain.events import TYPES, Fact, Failure


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each event type's schema, and the page with its lists as they should be."""
    for name, fact in TYPES.items():
        yield root / "events" / "schemas" / f"{name}.json", json.dumps(schema(fact), indent=2) + "\n"
    page = root / "docs" / "events.md"
    text = between_marks(page.read_text(), "events", "\n".join(_told(fact) for fact in TYPES.values()))
    yield page, between_marks(text, "kinds of drift", _kinds_of_drift())


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


def _told(fact: type[Fact]) -> str:
    """Return an event's section: what has happened, and what it says beside what all events say."""
    shared = {*Fact.model_fields, *(Failure.model_fields if issubclass(fact, Failure) else ())}
    fields = [
        f"- `{name}`" + (f": {_without_end(field.description)}" if field.description else "")
        for name, field in fact.model_fields.items()
        if name not in shared
    ]
    also = ["The data of all [failures](#failures)."] if issubclass(fact, Failure) else []
    parts = [f"### {fact.__name__}", _prose(inspect.getdoc(fact) or ""), *also, "\n".join(fields)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _prose(docstring: str) -> str:
    return re.sub(r"(?<!\n)\n(?!\n)", " ", docstring)


def _without_end(description: str) -> str:
    return (
        description[:1].lower() + description[1:].rstrip(".") if description[1:2].islower() else description.rstrip(".")
    )


def _kinds_of_drift() -> str:
    told = docstrings.of_members(drift.Kind)
    rows = [[f"`{kind}`", told[kind.name], drift.Finding(kind, "", "").repair] for kind in drift.Kind]
    return table(["kind", "what it is", "repair"], rows)
