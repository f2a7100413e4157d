"""Write samples of what states send to functions: ``events/<function>/<state>.json``, from the state machines.

Each is what the state sends for one tenant, in one run, after one failure. What no state sends has samples by hand.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonata

from generate import machines, templates

_MESSAGE = "DynamoDB answered AccessDeniedException to PutItem: not authorized"
_VARIABLES = {
    "generation": 1,
    "changed": True,
    "undo_errors": [],
    "failure": {
        "error": "AccessDenied",
        "cause": json.dumps({"errorType": "AccessDenied", "errorMessage": _MESSAGE}),
        "stage": "SeedDatabase",
    },
}


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of the sample of each state that calls a function."""
    functions = {name: each.folder for each in templates.functions(root) for name in each.asked_through}
    for machine, definition in reversed(machines.definitions(root).items()):  # what both have, is OnboardTenant's
        for name, state in definition["States"].items():
            if folder := functions.get(state.get("Arguments", {}).get("FunctionName")):
                payload = _evaluated(state["Arguments"]["Payload"], _context(machine, name))
                file = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
                yield root / "events" / folder / f"{file}.json", json.dumps(payload, indent=2) + "\n"


def there(root: Path) -> Iterator[Path]:
    """Yield the existing samples below a folder that belong to a state: nothing else says when it was entered."""
    for path in (root / "events").glob("*/*.json"):
        if path.parent.name != "schemas" and "entered_at" in json.loads(path.read_text()):
            yield path


def _context(machine: str, state: str) -> Mapping[str, Any]:
    execution = (
        f"arn:aws:states:us-east-1:123456789012:execution:fluxion-{machines.title(machine)}:granja-5b1f0c9d2e7a4431"
    )
    return {
        "Execution": {"Id": execution, "Input": {"tenant_id": "granja"}},
        "State": {"Name": state, "EnteredTime": "2026-11-24T03:00:02.000Z", "RetryCount": 0},
    }


def _evaluated(value: Any, context: Mapping[str, Any]) -> Any:
    """Return what Step Functions makes of a template. Raises ValueError for an expression that gives nothing."""
    if isinstance(value, dict):
        return {key: _evaluated(each, context) for key, each in value.items()}
    if not (isinstance(value, str) and value.startswith("{%")):
        return value
    expression = jsonata.Jsonata(value[2:-2])
    for name, given in (_VARIABLES | {"states": {"context": context}}).items():
        expression.assign(name, given)
    if (found := expression.evaluate(None)) is None:
        raise ValueError(f"{value} says nothing in a sample: add what it asks for to {Path(__file__).name}")
    return found
