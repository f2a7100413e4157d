"""A deployed stack `fluxion`, and the command."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.dynamodb.types import TypeSerializer
from botocore.exceptions import ClientError
from click.testing import Result
from moto import mock_aws
from typer.testing import CliRunner

from cli import main, session
from control.stacks import Output

EXECUTION = "arn:aws:states:us-east-1:123456789012:execution:fluxion-OnboardTenant:granja-0123456789abcdef"

TABLES = {"fluxion-Tenants-1A2B": ("tenant_id",), "fluxion-Provisioning-3C4D": ("pk", "sk")}


class Stacks:
    """CloudFormation's answers. moto's own needs the packages of a dozen other services."""

    def __init__(self, resources: dict[str, tuple[str, str]], outputs: dict[str, str]) -> None:
        self._resources, self._outputs = resources, outputs

    def get_paginator(self, operation: str) -> "Stacks":
        assert operation == "list_stack_resources"
        return self

    def paginate(self, StackName: str) -> list[dict[str, Any]]:  # noqa: N803 - boto3's spelling
        found = [
            {"LogicalResourceId": name, "ResourceType": kind, "PhysicalResourceId": physical}
            for name, (kind, physical) in self._resources.items()
        ]
        return [{"StackResourceSummaries": found[:2]}, {"StackResourceSummaries": found[2:]}]

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's spelling
        if StackName != "fluxion":
            error = {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}
            raise ClientError({"Error": error}, "DescribeStacks")
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self._outputs.items()]
        return {"Stacks": [{"Outputs": outputs}]}


@dataclass
class Deployed:
    """The tables of the deployed stack, as a test fills and reads them."""

    tenants: str
    provisioning: str
    resources: dict[str, tuple[str, str]]
    """Logical id → type and physical id."""
    outputs: dict[str, str]
    stand_ins: dict[str, Any]
    """Clients that are not moto's, by service."""

    def item(self, tenant_id: str) -> dict[str, Any] | None:
        return boto3.resource("dynamodb").Table(self.tenants).get_item(Key={"tenant_id": tenant_id}).get("Item")

    def put(self, **item: Any) -> None:
        boto3.resource("dynamodb").Table(self.tenants).put_item(Item=item)

    def record(self, tenant_id: str, **fields: Any) -> dict[str, Any]:
        """Put a record; of its operation may be given what is not as usual. Return it."""
        operation = {
            "kind": "onboard",
            "state": "SUCCEEDED",
            "stage": "ActivateTenant",
            "execution_arn": EXECUTION,
            "started_at": "2026-11-24T08:00:00.000Z",
        }
        record = {
            "pk": f"TENANT#{tenant_id}",
            "sk": "TENANT",
            "tenant_id": tenant_id,
            "status": "ACTIVE",
            "generation": 1,
            "attempt": 1,
            "host": f"{tenant_id}.fluxionia.co",
            "spec": {"name": "La Granja Mercado"},
            "updated_at": "2026-11-24T08:00:09.000Z",
        } | fields
        record["operation"] = operation | fields.get("operation", {})
        self._put(record)
        return record

    def event(self, tenant_id: str, order: int, kind: str, stage: str, at: str, attempt: int = 1, **data: Any) -> None:
        detail = {"metadata": {"id": "x"}, "data": {"stage": stage, "attempt": attempt, **data}}
        self._put(
            {
                "pk": f"TENANT#{tenant_id}",
                "sk": f"EVENT#000001#{attempt:06d}#{order:02d}#{kind}",
                "type": kind,
                "detail": json.dumps(detail),
                "occurred_at": at,
                "event_id": f"id-{order}",
            }
        )

    def effect(self, tenant_id: str, system: str, state: str) -> None:
        self._put(
            {"pk": f"TENANT#{tenant_id}", "sk": f"EFFECT#{system}", "state": state, "generation": 1, "target": "t"}
        )

    def _put(self, item: dict[str, Any]) -> None:
        serialise = TypeSerializer().serialize
        boto3.client("dynamodb").put_item(
            TableName=self.provisioning, Item={name: serialise(value) for name, value in item.items()}
        )


@pytest.fixture
def deployed(no_real_aws: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployed]:
    """The stack `fluxion`: its tables on moto, which tells the truth about DynamoDB."""
    make = boto3.Session.client
    resources: dict[str, tuple[str, str]] = {}
    outputs: dict[str, str] = dict(zip((Output.TENANTS_TABLE, Output.PROVISIONING_TABLE), TABLES, strict=True))
    stand_ins: dict[str, Any] = {"cloudformation": Stacks(resources, outputs)}

    def client(session: boto3.Session, service: str, **options: Any) -> Any:
        return stand_ins.get(service) or make(session, service, **options)

    monkeypatch.setattr(boto3.Session, "client", client)
    with mock_aws():
        for name, keys in TABLES.items():
            boto3.client("dynamodb").create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
                KeySchema=[
                    {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
                ],
            )
        yield Deployed(*TABLES, resources, outputs, stand_ins)


@pytest.fixture
def started(deployed: Deployed) -> list[dict[str, Any]]:
    """What is asked of the machine `machine`, which offboards; each time that tenant's item is gone already."""
    calls: list[dict[str, Any]] = []

    class States:
        def start_execution(self, **given: Any) -> None:
            assert deployed.item(json.loads(given["input"])["tenant_id"]) is None, "the run would find the item"
            calls.append(given)

    deployed.stand_ins["stepfunctions"] = States()
    deployed.outputs[Output.OFFBOARD_MACHINE] = "machine"
    return calls


@pytest.fixture(autouse=True)
def state_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder where `make up` would leave its `env`: no test of the command sees what runs in this checkout."""
    monkeypatch.setattr(session, "STATE", tmp_path)
    return tmp_path


class Fluxion:
    """The command, called as a person does."""

    def __call__(self, *arguments: str) -> Result:
        return CliRunner().invoke(main.app, list(arguments))

    def json(self, *arguments: str) -> Any:
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)


@pytest.fixture
def fluxion() -> Fluxion:
    return Fluxion()
