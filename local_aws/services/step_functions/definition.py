"""State machine definitions: what CreateStateMachine and UpdateStateMachine refuse.

AWS checks the definition against the language and names each fault with its place. Stock MiniStack reads the JSONata
expressions only; the rest fails when an execution gets there, or never.

Source: docs.aws.amazon.com/step-functions/latest/apireference/API_CreateStateMachine.html (InvalidDefinition),
…/API_ValidateStateMachineDefinition.html, states-language.net/spec.html. The words after the code are near AWS's, not
its own. Not checked: the syntax of paths, the arguments of an integration, whether a state can be reached.
Different: what nothing here makes behave as on AWS is refused, instead of running as MiniStack runs it: Map, Parallel,
HeartbeatSeconds, and tasks that are neither `lambda:invoke` nor a call of DynamoDB.

Upstream: in part: the faults that the language's specification names; what is refused as not rebuilt is ours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import json_response
from ministack.services import stepfunctions

from local_aws import patching
from local_aws.settings import Settings

TYPES = ("Pass", "Task", "Choice", "Wait", "Succeed", "Fail")
TERMINAL = ("Choice", "Succeed", "Fail")  # these have neither Next nor End
NEEDS = {"Task": ("Resource",), "Choice": ("Choices",)}
REBUILT = re.compile(r"arn:aws:states:::(lambda:invoke|aws-sdk:dynamodb:\w+)(\.waitForTaskToken)?")
JSONPATH_ONLY = (
    "InputPath", "OutputPath", "Parameters", "ResultPath", "ResultSelector", "SecondsPath",
    "TimestampPath", "TimeoutSecondsPath", "ErrorPath", "CausePath",
)  # fmt: skip
JSONATA_ONLY = ("Arguments", "Output")

Fault = tuple[str, str, str]  # code, message, place


def faults(definition: Any) -> list[Fault]:
    """Return (code, message, JSON pointer) of all that is wrong with a state machine's definition; empty if nothing
    is.
    """
    if not isinstance(definition, dict):
        return [("INVALID_JSON_DESCRIPTION", "The definition is not a JSON object", "/")]
    language = definition.get("QueryLanguage", "JSONPath")
    return list(_machine(definition, "", language))


def _machine(machine: dict[str, Any], place: str, language: str) -> Iterator[Fault]:
    states = machine.get("States")
    if not isinstance(states, dict) or not states:
        yield "SCHEMA_VALIDATION_FAILED", "The field 'States' is missing or empty", place or "/"
        return
    if "StartAt" not in machine:
        yield "SCHEMA_VALIDATION_FAILED", "The field 'StartAt' is required", place or "/"
    elif machine["StartAt"] not in states:
        yield "MISSING_TRANSITION_TARGET", f"Missing 'StartAt' target: {machine['StartAt']}", f"{place}/StartAt"
    for name, state in states.items():
        where = f"{place}/States/{name}"
        if len(name) > 80:
            yield "SCHEMA_VALIDATION_FAILED", "A state's name has at most 80 characters", where
        yield from _state(state, where, states, language)


def _state(state: dict[str, Any], where: str, states: dict[str, Any], language: str) -> Iterator[Fault]:
    kind, own = state.get("Type"), state.get("QueryLanguage", language)
    resource = state.get("Resource", "")
    if kind in ("Map", "Parallel") or "HeartbeatSeconds" in state or (resource and not REBUILT.fullmatch(resource)):
        yield "NOT_REBUILT_HERE", "This is Amazon States Language, but this embedded AWS does not rebuild it", where
        return
    if kind not in TYPES:
        yield "SCHEMA_VALIDATION_FAILED", f"The field 'Type' should be one of {list(TYPES)}", f"{where}/Type"
        return
    yield from _required(state, where)
    yield from _language(state, where, own, language)
    yield from _times(state, where)
    yield from _targets(state, where, states)
    for field in ("Retry", "Catch"):
        yield from _handlers(state.get(field) or [], f"{where}/{field}")


def _required(state: dict[str, Any], where: str) -> Iterator[Fault]:
    kind = state["Type"]
    for field in NEEDS.get(kind, ()):
        if not state.get(field):
            yield "SCHEMA_VALIDATION_FAILED", f"The field '{field}' is required", where
    if kind not in TERMINAL and ("Next" in state) == (state.get("End") is True):
        yield "SCHEMA_VALIDATION_FAILED", "A state has either 'Next' or 'End'", where


def _language(state: dict[str, Any], where: str, own: str, machines: str) -> Iterator[Fault]:
    if machines == "JSONata" and own != "JSONata":
        message = "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine"
        yield "SCHEMA_VALIDATION_FAILED", message, f"{where}/QueryLanguage"
    forbidden, other = (JSONPATH_ONLY, "JSONPath") if own == "JSONata" else (JSONATA_ONLY, "JSONata")
    for field in forbidden:
        if field in state:
            yield "SCHEMA_VALIDATION_FAILED", f"Field '{field}' is of {other}, the state is {own}", f"{where}/{field}"


def _times(state: dict[str, Any], where: str) -> Iterator[Fault]:
    limit = state.get("TimeoutSeconds")
    if isinstance(limit, int) and limit < 1:
        yield "SCHEMA_VALIDATION_FAILED", "'TimeoutSeconds' has to be a positive integer", f"{where}/TimeoutSeconds"


def _targets(state: dict[str, Any], where: str, states: dict[str, Any]) -> Iterator[Fault]:
    named = [("Next", state), ("Default", state)]
    named += [("Next", part) for field in ("Choices", "Catch") for part in state.get(field) or ()]
    for field, part in named:
        if field in part and part[field] not in states:
            yield "MISSING_TRANSITION_TARGET", f"Missing '{field}' target: {part[field]}", f"{where}/{field}"
    for number, rule in enumerate(state.get("Choices") or ()):
        if "Next" not in rule:
            yield "SCHEMA_VALIDATION_FAILED", "The field 'Next' is required", f"{where}/Choices[{number}]"


def _handlers(handlers: list[dict[str, Any]], where: str) -> Iterator[Fault]:
    for number, handler in enumerate(handlers):
        names = handler.get("ErrorEquals") or []
        if not names:
            yield "SCHEMA_VALIDATION_FAILED", "The field 'ErrorEquals' is required", f"{where}[{number}]"
        if "States.ALL" in names and (len(names) > 1 or number < len(handlers) - 1):
            message = "'States.ALL' has to stand alone, and in the last entry"
            yield "SCHEMA_VALIDATION_FAILED", message, f"{where}[{number}]/ErrorEquals"


def _text(definition: Any) -> str | None:
    """Return all faults of a definition's text, as InvalidDefinition reports them; None if there are none."""
    try:
        found = faults(json.loads(definition))
    except (TypeError, ValueError):
        found = [("INVALID_JSON_DESCRIPTION", "The definition is not JSON", "/")]
    listed = ", ".join(f"{code}: {message} at {place}" for code, message, place in found)
    return f"Invalid State Machine Definition: '{listed}'" if found else None


def _validate(original: Any) -> Any:
    return lambda definition: _text(definition) or original(definition)


def _from_template(original: Any) -> Any:
    def handle(*arguments: Any, **more: Any) -> Any:
        result = original(*arguments, **more)
        machine = stepfunctions._state_machines[result[0]]
        if problem := stepfunctions._validate_definition_jsonata(machine["definition"]):
            del stepfunctions._state_machines[result[0]]
            raise ValueError(f"{problem} (Service: Sfn, Status Code: 400)")
        return result

    return handle


def _validate_api(data: dict[str, Any]) -> Any:
    try:
        found = faults(json.loads(data.get("definition", "")))
    except ValueError:
        found = [("INVALID_JSON_DESCRIPTION", "The definition is not JSON", "/")]
    listed = [{"severity": "ERROR", "code": code, "message": text, "location": place} for code, text, place in found]
    return json_response({"result": "FAIL" if listed else "OK", "diagnostics": listed, "truncated": False})


def install(settings: Settings) -> None:
    patching.replace(stepfunctions, "_validate_definition_jsonata", _validate, "INVALID_JSONATA_EXPRESSION")
    patching.replace(
        stepfunctions, "_validate_state_machine_definition", lambda _: _validate_api, '"result": "OK", "diagnostics"'
    )
    patching.resource("AWS::StepFunctions::StateMachine", "create", _from_template)
