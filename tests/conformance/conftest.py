"""A running embedded AWS for the session, and short words to put things on it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import textwrap
import time
import uuid
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
INSYNC_SECONDS, DEPLOY_SECONDS = 0.4, 0.4


def interpreter() -> str:
    """Python of the emulator's own environment."""
    return os.environ.get("FLUXION_EMULATOR_PYTHON") or str(ROOT / ".venvs/emulator/bin/python")


class Emulator:
    """One `python -m local.emulator` in its own state folder."""

    def __init__(self, state: Path, *options: str) -> None:
        self.state = state
        state.mkdir(parents=True, exist_ok=True)
        with (state / "log").open("w") as log:
            self.process = subprocess.Popen(
                [
                    interpreter(),
                    "-m",
                    "local.emulator",
                    "--state",
                    str(state),
                    "--no-edge",
                    "--exit-with-parent",
                    *options,
                ],
                cwd=ROOT,
                env={
                    "FLUXION_LATENCY": "0.1",
                    "FLUXION_STREAM_POLL_SECONDS": "0.1",
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                },
                stdout=log,
                stderr=log,
            )
        self.facts = self._wait()

    def _wait(self) -> dict[str, Any]:
        for _ in range(300):
            if (self.state / "emulator.json").exists():
                return json.loads((self.state / "emulator.json").read_text())
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError((self.state / "log").read_text()[-3000:])

    def client(self, service: str, access_key: str | None = None, secret_key: str | None = None) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.facts["aws_url"],
            region_name=self.facts["region"],
            aws_access_key_id=access_key or self.facts["access_key_id"],
            aws_secret_access_key=secret_key or self.facts["secret_access_key"],
            config=Config(retries={"total_max_attempts": 1}, read_timeout=30),
        )

    def trace(self) -> list[dict[str, Any]]:
        time.sleep(0.12)
        return [json.loads(line) for line in (self.state / "trace.jsonl").read_text().splitlines()]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(15)


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    propagation = ("--insync-seconds", str(INSYNC_SECONDS), "--deploy-seconds", str(DEPLOY_SECONDS))
    off = ("--off", os.environ.get("FLUXION_BRIDGES_OFF", ""))  # shows that a test fails without its bridge
    running = Emulator(tmp_path_factory.mktemp("emulator"), *propagation, *off)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def aws(emulator: Emulator) -> Callable[[str], Any]:
    """The administrator's client of a service, by its boto3 name."""
    clients: dict[str, Any] = {}

    def client(service: str) -> Any:
        if service not in clients:
            clients[service] = emulator.client(service)
        return clients[service]

    return client


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def until(condition: Callable[[], Any], seconds: float = 8.0) -> Any:
    """The first true value of `condition`; fails when it stays false."""
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s")


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as content:
        for name, text in files.items():
            content.writestr(name, textwrap.dedent(text))
    return buffer.getvalue()


class Cloud:
    """What the tests build with: roles, functions, tables, mappings, machines."""

    archive = staticmethod(archive)
    unique = staticmethod(unique)
    until = staticmethod(until)

    def __init__(self, aws: Callable[[str], Any]) -> None:
        self.aws = aws

    def role(self, service: str, *statements: dict[str, Any]) -> str:
        trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = {"Version": "2012-10-17", "Statement": [trust]}
        name = unique("role")
        arn: str = self.aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))["Role"][
            "Arn"
        ]
        self.grant(arn, *statements)
        return arn

    def grant(self, role_arn: str, *statements: dict[str, Any]) -> None:
        policy = {"Version": "2012-10-17", "Statement": list(statements)}
        name = role_arn.rsplit("/", 1)[-1]
        self.aws("iam").put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(policy))

    def function(
        self, code: str, *, layers: Sequence[str] = (), timeout: int = 5, role: str | None = None, **files: str
    ) -> str:
        """Creates a Python function from the text of app.py (and others, by module name). Returns its ARN."""
        anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        made = self.aws("lambda").create_function(
            FunctionName=unique("function"),
            Runtime="python3.13",
            Role=role or self.role("lambda", anything),
            Handler="app.handler",
            Timeout=timeout,
            Layers=list(layers),
            Code={"ZipFile": archive({"app.py": code, **{f"{name}.py": text for name, text in files.items()}})},
        )
        arn: str = made["FunctionArn"]
        return arn

    def layer(self, **files: str) -> str:
        content = archive({f"python/{name}.py": text for name, text in files.items()})
        made = self.aws("lambda").publish_layer_version(LayerName=unique("layer"), Content={"ZipFile": content})
        arn: str = made["LayerVersionArn"]
        return arn

    def invoke(self, function_arn: str, event: Any = None) -> tuple[Any, str | None]:
        """(payload, kind of function error or None)."""
        answer = self.aws("lambda").invoke(FunctionName=function_arn, Payload=json.dumps(event).encode())
        return json.loads(answer["Payload"].read()), answer.get("FunctionError")

    def table(self) -> tuple[str, str]:
        """A table with a string key `pk`, number key `sk` and a stream. Returns (name, stream ARN)."""
        made = self.aws("dynamodb").create_table(
            TableName=unique("table"),
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "N"},
            ],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )["TableDescription"]
        return made["TableName"], made["LatestStreamArn"]

    def put(self, table: str, pk: str, sk: int, **more: str) -> None:
        item = {"pk": {"S": pk}, "sk": {"N": str(sk)}, **{key: {"S": value} for key, value in more.items()}}
        self.aws("dynamodb").put_item(TableName=table, Item=item)

    def mapping(self, function_arn: str, stream_arn: str, **settings: Any) -> str:
        made = self.aws("lambda").create_event_source_mapping(
            FunctionName=function_arn, EventSourceArn=stream_arn, **{"StartingPosition": "TRIM_HORIZON", **settings}
        )
        uuid_: str = made["UUID"]
        return uuid_

    def machine(self, definition: dict[str, Any], role: str | None = None) -> str:
        anything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
        made = self.aws("stepfunctions").create_state_machine(
            name=unique("machine"),
            roleArn=role or self.role("states", anything),
            definition=json.dumps({"QueryLanguage": "JSONata", **definition}),
        )
        arn: str = made["stateMachineArn"]
        return arn

    def run(self, machine_arn: str, given: Any = None, seconds: float = 10.0) -> dict[str, Any]:
        """Starts an execution and waits for its end. Returns DescribeExecution's answer."""
        states = self.aws("stepfunctions")
        arn = states.start_execution(stateMachineArn=machine_arn, input=json.dumps(given or {}))["executionArn"]
        return self.ended(arn, seconds)

    def ended(self, execution_arn: str, seconds: float = 10.0) -> dict[str, Any]:
        def finished() -> Any:
            seen = self.aws("stepfunctions").describe_execution(executionArn=execution_arn)
            return seen if seen["status"] != "RUNNING" else None

        answer: dict[str, Any] = until(finished, seconds)
        return answer

    def queue(self) -> tuple[str, str]:
        """(URL, ARN)."""
        url = self.aws("sqs").create_queue(QueueName=unique("queue"))["QueueUrl"]
        arn = self.aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, arn

    def messages(self, queue_url: str) -> list[Any]:
        received = self.aws("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in received]


@pytest.fixture(scope="session")
def cloud(aws: Callable[[str], Any]) -> Cloud:
    return Cloud(aws)


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A folder that handlers (real local processes) can write what they saw into."""
    return tmp_path
