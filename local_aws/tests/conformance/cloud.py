"""What the cases build with, here and in an account: roles, functions, tables, mappings, machines."""

from __future__ import annotations

import io
import json
import os
import textwrap
import time
import uuid
import zipfile
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# How long to wait for what takes a moment: more in an account, less where a test is expected to fail.
PACE = float(os.environ.get("LOCAL_AWS_PACE", "1"))


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def until(condition: Callable[[], Any], seconds: float = 8.0) -> Any:
    """The first true value of `condition`; fails when it stays false. In an account it may take longer."""
    limit = time.monotonic() + seconds * PACE
    while time.monotonic() < limit:
        if value := condition():
            return value
        time.sleep(0.05 if PACE <= 1 else 1)
    raise AssertionError(f"not within {seconds * PACE:g} s")


def once_known[Answer](call: Callable[[], Answer]) -> Answer:
    """The answer of a call that needs a role or key which was made a moment ago: an account learns of it slowly."""
    limit = time.monotonic() + (60 if PACE > 1 else 0)
    while True:
        try:
            return call()
        except ClientError as error:
            code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
            unknown = "assume" in message or code in ("InvalidClientTokenId", "UnrecognizedClientException")
            if not unknown or time.monotonic() > limit:
                raise
        time.sleep(3)


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

    def __init__(self, aws: Callable[..., Any]) -> None:
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
        settings = {
            "FunctionName": unique("function"),
            "Runtime": "python3.13",
            "Role": role or self.role("lambda", anything),
            "Handler": "app.handler",
            "Timeout": timeout,
            "Layers": list(layers),
            "Code": {"ZipFile": archive({"app.py": code, **{f"{name}.py": text for name, text in files.items()}})},
        }
        arn: str = once_known(lambda: self.aws("lambda").create_function(**settings))["FunctionArn"]
        if PACE > 1:
            self.aws("lambda").get_waiter("function_active_v2").wait(FunctionName=arn)
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
        if PACE > 1:
            self.aws("dynamodb").get_waiter("table_exists").wait(TableName=made["TableName"])
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
        settings = {
            "name": unique("machine"),
            "roleArn": role or self.role("states", anything),
            "definition": json.dumps({"QueryLanguage": "JSONata", **definition}),
        }
        arn: str = once_known(lambda: self.aws("stepfunctions").create_state_machine(**settings))["stateMachineArn"]
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

    def let_send(self, queue_url: str, queue_arn: str, service: str = "events") -> None:
        """Gives the queue a policy that lets an AWS service send to it."""
        who = {"Service": f"{service}.amazonaws.com"}
        statement = {"Effect": "Allow", "Principal": who, "Action": "sqs:SendMessage", "Resource": queue_arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.aws("sqs").set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})

    def messages(self, queue_url: str) -> list[Any]:
        received = self.aws("sqs").receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in received]
