"""Count on a local stack what one onboarding uses of services that are paid by use: items, calls, log bytes.

Seconds are not taken from here: this machine is not AWS. A task token is shorter here than on AWS, and that is put
right, because the size of an item is paid for.
"""

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.stacks import own_stack
from cli.session import Session, Where
from control.stacks import MAIN, Output
from control.tables import ControlPlane
from local.stack import Stack

TENANTS = 10
LONGER_TOKEN = 700 - 36  # characters of a task token on AWS, and of the local one
LOG_EVENT_BYTES = 26  # that CloudWatch Logs adds to each event (its pricing page)
_PATIENCE_SECONDS, _QUIET_SECONDS = 120.0, 8.0


@dataclass(frozen=True)
class Counted:
    """The counts of one tenant, as the mean over several that came at once."""

    write_units: float
    """Of DynamoDB: one a KB of an item, two in a transaction."""
    read_units: float
    """Of DynamoDB, strongly consistent: one for 4 KB."""
    transitions: float
    events: float
    """Entries of PutEvents."""
    secrets: float
    """GetSecretValue."""
    log_bytes: float
    """Of all functions, and of the state machine's log."""
    probe_log_bytes: float
    """Of one more look of the probe, with its retry in the state machine's log."""
    publications: float
    """Invocations of publish_events."""
    publication_seconds: float
    database_bytes: float
    """Written to the tenants' file system: the database, and what stands beside it."""


def count(say: Callable[[str], None]) -> Counted:
    """Onboard some tenants on a stack of its own, after one that makes it warm; return what they used."""
    with own_stack() as stack:
        say("starting a stack, to count what an onboarding uses")
        stack.up()
        control_plane = Session(Where(stack.env, "the benchmark's stack"), MAIN).tables
        _onboard(control_plane, ["warm-up"])
        names = [f"counted-{number}" for number in range(TENANTS)]
        before = _logs(stack)
        began = datetime.now().astimezone()
        say(f"{TENANTS} tenants at once")
        _onboard(control_plane, names)
        return _counted(stack, names, began, before)


def _onboard(control_plane: ControlPlane, names: Iterable[str]) -> None:
    """Onboard tenants; return when what follows has happened too. Raises TimeoutError unless all are ACTIVE in time."""
    waiting = set(names)
    for name in waiting:
        control_plane.add({"tenant_id": name, "name": "La Granja Mercado"})
    until = time.monotonic() + _PATIENCE_SECONDS
    while waiting:
        if time.monotonic() > until:
            raise TimeoutError(f"not active: {', '.join(sorted(waiting))}")
        time.sleep(0.5)
        waiting = {name for name in waiting if (control_plane.record(name) or {}).get("status") != "ACTIVE"}
    time.sleep(_QUIET_SECONDS)


def _counted(stack: Stack, names: list[str], began: datetime, before: Mapping[str, list[str]]) -> Counted:
    calls = Counter(_calls(stack, began))
    logs = {group: lines[len(before.get(group, [])) :] for group, lines in _logs(stack).items()}
    histories = [_history(stack, name) for name in names]
    publications = [line for line in logs["publish-events"] if line.startswith("REPORT")]
    probe = logs["tenant-probe"]
    probes = sum(line.startswith("REPORT") for line in probe)
    entered = sum(_transitions(history) for history in histories)
    # A retry is three events: failed, scheduled, started.
    retry_bytes = 3 * _bytes(_state_log(histories[0])) / len(histories[0])
    return Counted(
        write_units=sum(_write_units(stack, names)) / TENANTS,
        # A writer reads a record and an effect of each tenant.
        read_units=(calls["GetItem"] + 2 * 3 * TENANTS) / TENANTS,
        transitions=entered / TENANTS,
        events=_events(stack, names) / TENANTS,
        secrets=calls["GetSecretValue"] / TENANTS,
        log_bytes=(
            sum(_bytes(lines) for lines in logs.values()) + sum(_bytes(_state_log(history)) for history in histories)
        )
        / TENANTS,
        probe_log_bytes=_bytes(probe) / probes + retry_bytes,
        publications=len(publications) / TENANTS,
        publication_seconds=sum(_seconds(line) for line in publications) / TENANTS,
        database_bytes=_database_bytes(stack, names) / TENANTS,
    )


def _calls(stack: Stack, began: datetime) -> Iterable[str]:
    """Yield the operations of the functions' reads."""
    for line in (stack.state_dir / "trace.jsonl").read_text().splitlines():
        call = json.loads(line)
        if call["principal"] != "administrator" and datetime.fromisoformat(call["at"]) >= began:
            yield call["operation"]


def _logs(stack: Stack) -> dict[str, list[str]]:
    """Return the lines of each function's log."""
    client = stack.client("logs")
    found: dict[str, list[str]] = {}
    for group in client.describe_log_groups(logGroupNamePrefix="/aws/lambda/fluxion-")["logGroups"]:
        name = group["logGroupName"]
        lines = found.setdefault(name.removeprefix("/aws/lambda/fluxion-"), [])
        for stream in client.describe_log_streams(logGroupName=name)["logStreams"]:
            events = client.get_log_events(
                logGroupName=name, logStreamName=stream["logStreamName"], limit=10_000, startFromHead=True
            )["events"]
            lines += [event["message"] for event in events]
    return found


def _bytes(lines: Iterable[str]) -> int:
    return sum(len(line.encode()) + LOG_EVENT_BYTES for line in lines)


def _seconds(report: str) -> float:
    return float(report.partition("Billed Duration: ")[2].partition(" ms")[0]) / 1000


def _history(stack: Stack, name: str) -> list[dict[str, Any]]:
    """Return the events of the tenant's execution."""
    client = stack.client("stepfunctions")
    machine = stack.outputs[Output.ONBOARD_MACHINE]
    pages = client.get_paginator("list_executions").paginate(stateMachineArn=machine)
    (arn,) = (
        run["executionArn"] for page in pages for run in page["executions"] if run["name"].rsplit("-", 1)[0] == name
    )
    pages = client.get_paginator("get_execution_history").paginate(executionArn=arn, includeExecutionData=False)
    return [event for page in pages for event in page["events"]]


def _transitions(history: Iterable[Mapping[str, Any]]) -> int:
    """Return states entered, retries, and the start and the end, which AWS's price examples count too."""
    kinds = Counter(event["type"] for event in history)
    entered = sum(number for kind, number in kinds.items() if kind.endswith("StateEntered"))
    return entered + kinds["TaskScheduled"] - kinds["TaskStateEntered"] + 2


def _state_log(history: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the events as the state machine's log holds them: each with the execution's name, without data."""
    arn = "arn:aws:states:us-east-1:123456789012:execution:fluxion-OnboardTenant:la-granja-0123456789abcdef"
    return [
        json.dumps(
            {**event, "execution_arn": arn, "redrive_count": "0", "event_timestamp": "1790000000000"}, default=str
        )
        for event in history
    ]


def _images(stack: Stack, names: list[str]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Yield (table, item as it was written) of every write for these tenants: the tables' streams have them all."""
    streams, tables = stack.client("dynamodbstreams"), stack.client("dynamodb")
    for table in tables.list_tables()["TableNames"]:
        arn = tables.describe_table(TableName=table)["Table"].get("LatestStreamArn")
        for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"] if arn else ():
            place = streams.get_shard_iterator(
                StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while place:
                page = streams.get_records(ShardIterator=place, Limit=1000)
                for record in page["Records"]:
                    image = record["dynamodb"].get("NewImage", {})
                    if image.get("tenant_id", {}).get("S") in names:
                        yield table, image
                place = page.get("NextShardIterator") if page["Records"] else None


def _write_units(stack: Stack, names: list[str]) -> Iterable[int]:
    for _, image in _images(stack, names):
        size = sum(len(name) + _size(value) for name, value in image.items())
        size += LONGER_TOKEN if "token" in image else 0
        is_alone = "pk" not in image or image.get("state", {}).get("S") == "STARTED"
        yield math.ceil(size / 1024) * (1 if is_alone else 2)


def _database_bytes(stack: Stack, names: list[str]) -> int:
    """Return the bytes of every file in a tenant's folder, each of which has been written once."""
    folders = [folder for name in names for folder in (stack.state_dir / "data").rglob(name)]
    files = [path for folder in folders for path in [folder, *folder.rglob("*")] if path.is_file()]
    return sum(path.stat().st_size for path in files)


def _events(stack: Stack, names: list[str]) -> int:
    return sum(image.get("sk", {}).get("S", "").startswith("EVENT#") for _, image in _images(stack, names))


def _size(value: Mapping[str, Any]) -> int:
    """Return the bytes of an attribute's value, by DynamoDB's rules for the types that occur here."""
    ((kind, content),) = value.items()
    if kind == "M":
        return 3 + sum(1 + len(name) + _size(entry) for name, entry in content.items())
    if kind == "L":
        return 3 + sum(1 + _size(entry) for entry in content)
    if kind == "N":
        return len(content) // 2 + 2
    return len(content.encode()) if kind == "S" else 1
