"""Where AWS is, and what the control plane's tables hold."""

import base64
import json
import os
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.config import Config
from botocore.exceptions import ClientError

from cli.errors import Refused
from control.stacks import Output, outputs_of

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

# A terminal is waiting: give up in seconds, where the control plane itself would wait for minutes.
_CONFIG = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4})
_KEYS_A_CALL = 100  # BatchGetItem's limit


@dataclass(frozen=True)
class Where:
    """Which AWS is meant: variables that stand above the environment's own, and the words for it."""

    variables: Mapping[str, str]
    words: str


def local_environment(state: Path) -> dict[str, str]:
    """The variables that `make up` wrote into ``<state>/env``. Raises Refused when none runs."""
    try:
        text = (state / "env").read_text()
    except FileNotFoundError:
        raise Refused(f"The local AWS is not up ({state / 'env'} does not exist): start it with `make up`.") from None
    words = (word for line in text.splitlines() for word in shlex.split(line, comments=True))
    return dict(word.split("=", 1) for word in words if "=" in word)


def where(state: Path, *, local: bool | None, environ: Mapping[str, str] | None = None) -> Where:
    """Decide which AWS is meant.

    local: True for what `make up` started, False for the usual environment, None for: the local one where it runs and
        AWS_ENDPOINT_URL names no other.
    """
    environ = os.environ if environ is None else environ
    if local is None:
        local = "AWS_ENDPOINT_URL" not in environ and (state / "env").exists()
    if not local:
        return Where({}, environ.get("AWS_ENDPOINT_URL", "AWS"))
    found = local_environment(state)
    return Where(found, f"the local AWS at {found.get('AWS_ENDPOINT_URL', '?')} ({state / 'env'})")


class ControlPlane:
    """The two tables of a deployed stack, as plain Python values."""

    def __init__(self, place: Where, stack: str) -> None:
        self._place = place
        self._stack = stack

    def site(self, host: str) -> str:
        """The address of a host's site. The local edge has a port of its own."""
        edge = (self._place.variables or os.environ).get("FLUXION_EDGE_URL", "")
        port = urlsplit(edge).port
        return f"https://{host}:{port}/" if port else f"https://{host}/"

    @cached_property
    def _session(self) -> boto3.Session:
        given = self._place.variables
        # CloudFront's certificates live in us-east-1, so the stack does; the template asserts it.
        region = (
            given.get("AWS_REGION") or given.get("AWS_DEFAULT_REGION") or boto3.Session().region_name or "us-east-1"
        )
        return boto3.Session(
            aws_access_key_id=given.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=given.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=given.get("AWS_SESSION_TOKEN"),
            region_name=region,
        )

    def client(self, service: str, config: Config = _CONFIG) -> Any:
        """A client of a service, of the AWS that is meant."""
        endpoint = self._place.variables.get("AWS_ENDPOINT_URL")
        return self._session.client(service, endpoint_url=endpoint, config=config)  # type: ignore[call-overload]

    @cached_property
    def _dynamodb(self) -> "DynamoDBClient":
        client: DynamoDBClient = self.client("dynamodb")
        return client

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs. Raises Refused when there is no such stack."""
        with self._asking_the_stack():
            return outputs_of(self.client("cloudformation"), self._stack)

    def resources(self, kind: str) -> dict[str, str]:
        """The stack's resources of a kind (``AWS::SQS::Queue``): logical → physical id. Raises Refused as well."""
        paginator = self.client("cloudformation").get_paginator("list_stack_resources")
        with self._asking_the_stack():
            found = [
                each for page in paginator.paginate(StackName=self._stack) for each in page["StackResourceSummaries"]
            ]
        return {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in found if each["ResourceType"] == kind}

    @contextmanager
    def _asking_the_stack(self) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            raise Refused(
                f"There is no stack '{self._stack}' in {self._session.region_name} on {self._place.words}: "
                "deploy it, or start the local AWS (`make up`)."
            ) from None

    def output(self, output: Output) -> str:
        """Return one of the outputs. Raises Refused when the stack does not have it."""
        try:
            return self.outputs[output]
        except KeyError:
            raise Refused(
                f"The stack '{self._stack}' has no output {output}: it is of a release before this, or its status says "
                "why. Deploy it again."
            ) from None

    # --- desired state ------------------------------------------------------------------------------------------------

    def item(self, tenant_id: str) -> dict[str, Any] | None:
        """What people asked for, or None."""
        key = _typed({"tenant_id": tenant_id})
        found = self._dynamodb.get_item(TableName=self.output(Output.TENANTS_TABLE), Key=key, ConsistentRead=True)
        return _plain(found["Item"]) if "Item" in found else None

    def items(self) -> list[dict[str, Any]]:
        """Every tenants item, ordered by id."""
        pages = self._dynamodb.get_paginator("scan").paginate(TableName=self.output(Output.TENANTS_TABLE))
        return sorted((_plain(item) for page in pages for item in page["Items"]), key=lambda item: item["tenant_id"])

    def add(self, item: Mapping[str, Any]) -> bool:
        """Put a new item; False, and nothing written, where one with that id exists."""
        return self._conditionally(
            "put_item",
            TableName=self.output(Output.TENANTS_TABLE),
            Item=_typed(item),
            ConditionExpression="attribute_not_exists(tenant_id)",
        )

    def ask_again(self, tenant_id: str, by: str, at: str) -> bool:
        """Change nothing but who asked, and when: the stream then starts another run. False where no item exists."""
        return self._conditionally(
            "update_item",
            TableName=self.output(Output.TENANTS_TABLE),
            Key=_typed({"tenant_id": tenant_id}),
            UpdateExpression="SET requested_by = :by, requested_at = :at",
            ConditionExpression="attribute_exists(tenant_id)",
            ExpressionAttributeValues=_typed({":by": by, ":at": at}),
        )

    def change(self, read: Mapping[str, Any], changed: Mapping[str, Any]) -> bool:
        """Set some attributes (an empty map: take it away). False where the item is not any more as it was read."""
        names, values, is_so, sets, removes = {}, {}, [], [], []
        raw = self.typed_item(read["tenant_id"]) or {}
        if self.plain(raw) != read:
            return False
        for number, name in enumerate(sorted({*raw, *changed})):
            names[f"#n{number}"] = name
            if name in raw:
                values[f":r{number}"] = raw[name]
            is_so.append(f"#n{number} = :r{number}" if name in raw else f"attribute_not_exists(#n{number})")
            if name in changed and changed[name] == {}:
                removes.append(f"#n{number}")
            elif name == "settings" and name in changed:
                # Entries that stay are written as DynamoDB gave them: its numbers are more exact than Python's.
                old = raw.get(name, {}).get("M", {})
                kept = read.get(name, {})
                values[f":w{number}"] = {
                    "M": {
                        key: old[key] if key in old and kept[key] == value else _typed({key: value})[key]
                        for key, value in changed[name].items()
                    }
                }
                sets.append(f"#n{number} = :w{number}")
            elif name in changed:
                values[f":w{number}"] = _typed({name: changed[name]})[name]
                sets.append(f"#n{number} = :w{number}")
        return self._conditionally(
            "update_item",
            TableName=self.output(Output.TENANTS_TABLE),
            Key=_typed({"tenant_id": read["tenant_id"]}),
            UpdateExpression=f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removes)}" if removes else ""),
            ConditionExpression=" AND ".join(is_so),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues=values,
        )

    def typed_item(self, tenant_id: str) -> dict[str, Any] | None:
        """The item as DynamoDB writes it, types and all, or None."""
        key = _typed({"tenant_id": tenant_id})
        found = self._dynamodb.get_item(TableName=self.output(Output.TENANTS_TABLE), Key=key, ConsistentRead=True)
        return dict(found["Item"]) if "Item" in found else None

    def plain(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Such an item as plain values."""
        return _plain(item)

    def remove(self, tenant_id: str) -> dict[str, Any] | None:
        """Delete the item and return what it was, as DynamoDB writes it; None where there is none."""
        try:
            answer = self._dynamodb.delete_item(
                TableName=self.output(Output.TENANTS_TABLE),
                Key=_typed({"tenant_id": tenant_id}),
                ConditionExpression="attribute_exists(tenant_id)",
                ReturnValues="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return None
        return dict(answer["Attributes"])

    def putting_back(self, item: Mapping[str, Any]) -> str:
        """The command that writes exactly this item (as DynamoDB writes it), unless there is one again."""
        words = ["aws", "dynamodb", "put-item", "--region", self._session.region_name or "us-east-1"]
        if endpoint := self._place.variables.get("AWS_ENDPOINT_URL"):
            words += ["--endpoint-url", endpoint]
        text = json.dumps(item, default=lambda value: base64.b64encode(value).decode())
        words += ["--table-name", self.output(Output.TENANTS_TABLE), "--item", text]
        return shlex.join([*words, "--condition-expression", "attribute_not_exists(tenant_id)"])

    def confirm_removal(self, tenant_id: str, by: str, at: str) -> None:
        """Start a run that carries out a removal that was held."""
        from tenancy.platform.step_functions import execution_name

        self.client("stepfunctions").start_execution(
            stateMachineArn=self.output(Output.OFFBOARD_MACHINE),
            name=execution_name(tenant_id, f"confirmed/{tenant_id}/{at}"),
            input=json.dumps({"tenant_id": tenant_id, "confirmed_by": by}),
        )

    def say_who_removed(self, tenant_id: str, by: str, at: str) -> None:
        """Start the run that holds the tenant ourselves: an item that is deleted can't say who did it."""
        from tenancy.platform.step_functions import execution_name

        self.client("stepfunctions").start_execution(
            stateMachineArn=self.output(Output.OFFBOARD_MACHINE),
            name=execution_name(tenant_id, f"removed/{tenant_id}/{at}"),
            input=json.dumps({"tenant_id": tenant_id, "removed_by": by}),
        )

    def _conditionally(self, operation: str, **request: Any) -> bool:
        try:
            getattr(self._dynamodb, operation)(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    # --- observed state -----------------------------------------------------------------------------------------------

    def record(self, tenant_id: str) -> dict[str, Any] | None:
        """The tenant record, or None where the control plane has not seen the tenant yet."""
        key = _typed({"pk": f"TENANT#{tenant_id}", "sk": "TENANT"})
        found = self._dynamodb.get_item(TableName=self.output(Output.PROVISIONING_TABLE), Key=key, ConsistentRead=True)
        return _plain(found["Item"]) if "Item" in found else None

    def records(self, tenant_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The records of some tenants, by id."""
        table = self.output(Output.PROVISIONING_TABLE)
        keys = [_typed({"pk": f"TENANT#{tenant_id}", "sk": "TENANT"}) for tenant_id in tenant_ids]
        found: dict[str, dict[str, Any]] = {}
        while keys:
            answer = self._dynamodb.batch_get_item(RequestItems={table: {"Keys": keys[:_KEYS_A_CALL]}})
            plain = (_plain(item) for item in answer["Responses"].get(table, []))
            found.update({record["pk"].removeprefix("TENANT#"): record for record in plain})
            left = answer["UnprocessedKeys"][table]["Keys"] if answer["UnprocessedKeys"] else []
            keys = keys[_KEYS_A_CALL:] + [dict(key) for key in left]
        return found

    def all_records(self) -> dict[str, dict[str, Any]]:
        """The records of all tenants that ever were, by id. Reads the whole table."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self.output(Output.PROVISIONING_TABLE),
            FilterExpression="sk = :tenant",
            ExpressionAttributeValues=_typed({":tenant": "TENANT"}),
        )
        plain = (_plain(item) for page in pages for item in page["Items"])
        return {record["pk"].removeprefix("TENANT#"): record for record in plain}

    def drift(self) -> list[dict[str, Any]]:
        """What the last scan has found not to be as it is on record: {kind, tenant_id, what, since, state, repair}."""
        from tenancy.domain.drift import Finding, Kind

        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self.output(Output.PROVISIONING_TABLE),
            KeyConditionExpression="pk = :drift",
            ExpressionAttributeValues=_typed({":drift": "DRIFT"}),
        )
        return [
            {
                **{name: item[name] for name in ("kind", "tenant_id", "what", "since")},
                "state": "reported" if item["is_reported"] else "seen once",
                "repair": Finding(Kind(item["kind"]), item["tenant_id"], item["what"]).repair,
            }
            for item in (_plain(item) for page in pages for item in page["Items"])
        ]

    def below(self, tenant_id: str, prefix: str, newest: int) -> list[dict[str, Any]]:
        """What stands below a tenant (``EFFECT#``, ``EVENT#``): the last ``newest`` by key, in the order of keys."""
        found = self._dynamodb.query(
            TableName=self.output(Output.PROVISIONING_TABLE),
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=_typed({":pk": f"TENANT#{tenant_id}", ":prefix": prefix}),
            ScanIndexForward=False,
            Limit=newest,
            ConsistentRead=True,
        )
        return [_plain(item) for item in reversed(found["Items"])]

    def all_below(self, tenant_id: str, prefix: str) -> list[dict[str, Any]]:
        """All that stands below a tenant, in the order of keys."""
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self.output(Output.PROVISIONING_TABLE),
            KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
            ExpressionAttributeValues=_typed({":pk": f"TENANT#{tenant_id}", ":prefix": prefix}),
            ConsistentRead=True,
        )
        return [_plain(item) for page in pages for item in page["Items"]]


def _typed(values: Mapping[str, Any]) -> dict[str, Any]:
    serialise = TypeSerializer().serialize
    return {name: serialise(value) for name, value in values.items()}


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    deserialise = TypeDeserializer().deserialize
    return {name: _number(deserialise(value)) for name, value in item.items()}


def _number(value: Any) -> Any:
    """Numbers as int or float, sets as lists, all the way down: what JSON can say."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, Binary):
        return base64.b64encode(bytes(value.value)).decode()  # type: ignore[attr-defined]
    if isinstance(value, Mapping):
        return {name: _number(entry) for name, entry in value.items()}
    if isinstance(value, list | set):
        return [_number(entry) for entry in value]
    return value
