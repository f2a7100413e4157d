"""What the shipped templates say, with references resolved: tables, functions and what calls them, queues, machines.

Read anew by every process, so a function, a rule or an attribute that is added there is here too. What this cannot
carry out (a target, an event type, an option of a source) is refused by name rather than left out.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.dynamodb import Schema
from tests.unit.template.reading import RESOURCES, WHOLE

ROOT = Path(__file__).parents[2]
REGION, ACCOUNT = "us-east-1", "123456789012"
ZONE, DISTRIBUTION, DISTRIBUTION_HOST = "Z0123456789ABCDEFGHIJ", "E1ABCDEFGHIJKL", "d111111abcdef8.cloudfront.net"
IMPORTS = {"HostedZoneId": ZONE, "NameServers": "ns-1.example.net"}
PARAMETERS = {name: str(given.get("Default", "")) for name, given in WHOLE["Parameters"].items()} | {
    "Environment": "local",
    "AlertEmail": "ops@example.com",
    "RunbooksUrl": "https://docs.example/runbooks",
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/fluxion/1",
    "AWS::Partition": "aws",
}
BASE = PARAMETERS["BaseDomain"]


def resolve(value: Any) -> Any:
    """A value of the template without intrinsic functions."""
    if isinstance(value, list):
        return [resolve(entry) for entry in value]
    if not isinstance(value, Mapping):
        return value
    if len(value) == 1:
        ((name, given),) = value.items()
        if name in _FUNCTIONS:
            return _FUNCTIONS[name](given)
        if name.startswith("Fn::"):
            raise NotImplementedError(f"template: {name} is not known here")
    return {key: resolve(entry) for key, entry in value.items()}


def _ref(name: str) -> str:
    if name in PARAMETERS:
        return PARAMETERS[name]
    kind, properties = RESOURCES[name]["Type"], RESOURCES[name].get("Properties", {})
    if kind == "AWS::SQS::Queue":
        return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{name}"
    if kind == "AWS::CloudFront::Distribution":
        return DISTRIBUTION
    if kind == "AWS::S3::Bucket":
        return name.lower()
    if kind in ("AWS::Events::EventBus", "AWS::Serverless::Function", "AWS::DynamoDB::Table"):
        return str(properties.get("Name") or properties.get("FunctionName") or name)
    return _arn(name)


def _arn(name: str) -> str:
    kind, properties = RESOURCES[name]["Type"], RESOURCES[name].get("Properties", {})
    forms = {
        "AWS::SQS::Queue": f"sqs:{REGION}:{ACCOUNT}:{name}",
        "AWS::SNS::Topic": f"sns:{REGION}:{ACCOUNT}:{name}",
        "AWS::DynamoDB::Table": f"dynamodb:{REGION}:{ACCOUNT}:table/{name}",
        "AWS::Serverless::Function": f"lambda:{REGION}:{ACCOUNT}:function:{properties.get('FunctionName')}",
        "AWS::Serverless::StateMachine": f"states:{REGION}:{ACCOUNT}:stateMachine:{properties.get('Name')}",
        "AWS::Events::EventBus": f"events:{REGION}:{ACCOUNT}:event-bus/{properties.get('Name')}",
        "AWS::Events::Rule": f"events:{REGION}:{ACCOUNT}:rule/{name}",
        "AWS::SecretsManager::Secret": f"secretsmanager:{REGION}:{ACCOUNT}:secret:{name}",
    }
    return f"arn:aws:{forms.get(kind, f'other:::{name}')}"


def _get_att(given: list[str] | str) -> str:
    name, attribute = given if isinstance(given, list) else given.split(".", 1)
    if attribute == "DomainName":
        return DISTRIBUTION_HOST
    if attribute == "StreamArn":
        return f"{_arn(name)}/stream/1"
    if attribute == "QueueName":
        return name
    return _arn(name)


def _sub(given: list[Any] | str) -> str:
    text, names = (given[0], resolve(given[1])) if isinstance(given, list) else (given, {})

    def one(match: re.Match[str]) -> str:
        name = match[1]
        if name in names:
            return str(names[name])
        return _get_att(name) if "." in name else _ref(name)

    return re.sub(r"\$\{([^}!]+)\}", one, text)


def _if(given: list[Any]) -> Any:
    condition = WHOLE["Conditions"][given[0]]
    return resolve(given[1] if _is_true(condition) else given[2])


def _is_true(condition: Mapping[str, Any]) -> bool:
    ((name, given),) = condition.items()
    if name == "Fn::Not":
        return not _is_true(given[0])
    if name == "Fn::Equals":
        return bool(resolve(given[0]) == resolve(given[1]))
    raise NotImplementedError(f"template: condition {name} is not known here")


_FUNCTIONS = {
    "Ref": _ref,
    "Fn::GetAtt": _get_att,
    "Fn::Sub": _sub,
    "Fn::If": _if,
    "Fn::ImportValue": lambda given: IMPORTS[resolve(given).rpartition("-")[2]],
}


def of_type(*kinds: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(logical id, resolved properties) of the resources of some types that stand in a local deployment."""
    for name, resource in RESOURCES.items():
        if resource["Type"] in kinds and ("Condition" not in resource or _is_true_named(resource["Condition"])):
            yield name, resolve(resource.get("Properties", {}))


def _is_true_named(name: str) -> bool:
    return _is_true(WHOLE["Conditions"][name])


# --- what is there ----------------------------------------------------------------------------------------------------


def tables() -> list[Schema]:
    """The tables, with their indexes and streams."""
    return [
        Schema(
            name,
            keys=tuple(key["AttributeName"] for key in table["KeySchema"]),
            view=table.get("StreamSpecification", {}).get("StreamViewType"),
            indexes={
                index["IndexName"]: tuple(key["AttributeName"] for key in index["KeySchema"])
                for index in table.get("GlobalSecondaryIndexes", [])
            },
        )
        for name, table in of_type("AWS::DynamoDB::Table")
    ]


@dataclass(frozen=True)
class Function:
    """folder: below functions/. timeout: seconds."""

    name: str
    folder: str
    timeout: float
    environment: Mapping[str, str]


def functions() -> dict[str, Function]:
    """Every function by its name."""
    common = resolve(WHOLE["Globals"]["Function"])
    return {
        given["FunctionName"]: Function(
            name=given["FunctionName"],
            folder=given["CodeUri"].split("/")[1],
            timeout=float(given.get("Timeout", common["Timeout"])),
            environment={
                key: str(value)
                for key, value in (
                    common["Environment"]["Variables"] | given.get("Environment", {}).get("Variables", {})
                ).items()
            },
        )
        for _, given in of_type("AWS::Serverless::Function")
    }


@dataclass(frozen=True)
class StreamSource:
    """A table's stream in front of a function. retries: -1 for as long as the record is kept. window: seconds."""

    function: str
    table: str
    batch: int
    window: float
    lanes: int
    bisects: bool
    retries: int
    reports: bool
    filters: tuple[Mapping[str, Any], ...]
    dead_letters: str | None


@dataclass(frozen=True)
class QueueSource:
    """A queue in front of a function. window: seconds."""

    function: str
    queue: str
    batch: int
    window: float
    reports: bool


@dataclass(frozen=True)
class Schedule:
    """A function that is called every so many seconds."""

    function: str
    seconds: float
    event: Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """Where a rule's events go: to a queue or a function, by ARN. dead_letters: a queue's ARN."""

    arn: str
    dead_letters: str | None = None


@dataclass(frozen=True)
class Rule:
    """Events of a bus (its name) that match a pattern."""

    bus: str
    pattern: Mapping[str, Any]
    targets: tuple[Target, ...]


@dataclass
class Sources:
    """All that calls functions by itself."""

    streams: list[StreamSource] = field(default_factory=list)
    queues: list[QueueSource] = field(default_factory=list)
    schedules: list[Schedule] = field(default_factory=list)
    rules: list[Rule] = field(default_factory=list)


def sources() -> Sources:
    """From the functions' Events and the rules of their own."""
    found = Sources()
    for _, function in of_type("AWS::Serverless::Function"):
        for event in function.get("Events", {}).values():
            _READERS[event["Type"]](found, function, event["Properties"])
    for name, rule in of_type("AWS::Events::Rule"):
        if "ScheduleExpression" in rule:
            raise NotImplementedError(f"template: {name}: a schedule belongs to its function's Events")
        targets = tuple(
            Target(target["Arn"], target.get("DeadLetterConfig", {}).get("Arn")) for target in rule["Targets"]
        )
        if any(key.startswith("Input") for target in rule["Targets"] for key in target):
            raise NotImplementedError(f"template: {name}: inputs of targets are not known here")
        found.rules.append(Rule(rule.get("EventBusName", "default"), rule["EventPattern"], targets))
    return found


def _stream(found: Sources, function: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    given = dict(given)
    found.streams.append(
        StreamSource(
            function=function["FunctionName"],
            table=given.pop("Stream").split("table/")[1].split("/")[0],
            batch=given.pop("BatchSize", 100),
            window=given.pop("MaximumBatchingWindowInSeconds", 0),
            lanes=given.pop("ParallelizationFactor", 1),
            bisects=given.pop("BisectBatchOnFunctionError", False),
            retries=given.pop("MaximumRetryAttempts", -1),
            reports="ReportBatchItemFailures" in given.pop("FunctionResponseTypes", []),
            filters=tuple(
                json.loads(each["Pattern"]) for each in given.pop("FilterCriteria", {"Filters": []})["Filters"]
            ),
            dead_letters=given.pop("DestinationConfig", {}).get("OnFailure", {}).get("Destination"),
        )
    )
    _require_empty(function, given, "StartingPosition")


def _queue(found: Sources, function: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    given = dict(given)
    found.queues.append(
        QueueSource(
            function=function["FunctionName"],
            queue=given.pop("Queue"),
            batch=given.pop("BatchSize", 10),
            window=given.pop("MaximumBatchingWindowInSeconds", 0),
            reports="ReportBatchItemFailures" in given.pop("FunctionResponseTypes", []),
        )
    )
    _require_empty(function, given, "ScalingConfig")


_COMPARISON = {"work": "drift"}
"""Left out: a comparison of everything would put right by itself what a fault has left. `drifting` looks instead, with
the same eyes, when all is at rest, and there must be nothing to put right."""
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def _schedule(found: Sources, function: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    given = dict(given)
    expression = given.pop("ScheduleExpression", None) or given.pop("Schedule")
    match = re.fullmatch(r"rate\((\d+) (\w+?)s?\)", expression)
    if not match:
        raise NotImplementedError(f"template: {expression}: only rate(…) is known here")
    event = json.loads(given.pop("Input", "{}"))
    if event == _COMPARISON:
        return
    found.schedules.append(Schedule(function["FunctionName"], int(match[1]) * _UNITS[match[2]], event))
    _require_empty(function, given, *_DELIVERY)


def _event_rule(found: Sources, function: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    given = dict(given)
    if json.loads(given.get("Input", "{}")) == _COMPARISON:
        return
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function['FunctionName']}"
    target = Target(arn, given.pop("DeadLetterConfig", {}).get("Arn"))
    found.rules.append(Rule(given.pop("EventBusName", "default"), given.pop("Pattern"), (target,)))
    _require_empty(function, given, *_DELIVERY)


_DELIVERY = (  # what decides how often and by whom, and not what
    "DeadLetterConfig",
    "Description",
    "Enabled",
    "FlexibleTimeWindow",
    "Name",
    "PermissionsBoundary",
    "RetryPolicy",
    "RoleArn",
    "State",
)
_READERS = {
    "DynamoDB": _stream,
    "SQS": _queue,
    "Schedule": _schedule,
    "ScheduleV2": _schedule,
    "EventBridgeRule": _event_rule,
}


def _require_empty(function: Mapping[str, Any], left: Mapping[str, Any], *known: str) -> None:
    if unknown := sorted(set(left) - set(known)):
        raise NotImplementedError(f"template: {function['FunctionName']}: {', '.join(unknown)} is not known here")


@dataclass(frozen=True)
class Queue:
    """dead_letters: a queue's ARN, after so many receives. visibility: seconds."""

    arn: str
    url: str
    visibility: float
    dead_letters: str | None
    receives: int


def queues() -> list[Queue]:
    """Every queue."""
    found = []
    for name, queue in of_type("AWS::SQS::Queue"):
        redrive = queue.get("RedrivePolicy", {})
        found.append(
            Queue(
                _arn(name),
                _ref(name),
                float(queue.get("VisibilityTimeout", 30)),
                redrive.get("deadLetterTargetArn"),
                int(redrive.get("maxReceiveCount", 0)),
            )
        )
    return found


@dataclass(frozen=True)
class Machine:
    """A state machine: its ARN, and its definition with the template's substitutions."""

    arn: str
    name: str
    definition: Mapping[str, Any]


def machines() -> list[Machine]:
    """Every state machine, from its shipped file."""
    found = []
    for name, machine in of_type("AWS::Serverless::StateMachine"):
        text = (ROOT / machine["DefinitionUri"]).read_text()
        for key, value in machine.get("DefinitionSubstitutions", {}).items():
            text = text.replace(f"${{{key}}}", str(value))
        found.append(Machine(_arn(name), machine["Name"], json.loads(text)))
    return found
