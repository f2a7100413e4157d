"""Templates: reserved concurrency, and what a throttled event source does; references to secrets."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from .case import case
from .test_streams import batches, function

if TYPE_CHECKING:
    from pathlib import Path

    from local_aws.tests.conformance.cloud import Cloud


def deploy(cloud: Cloud, name: str, template: dict[str, Any], *, update: bool = False) -> None:
    """Creates or updates a stack and waits until it is settled; fails when it failed."""
    stacks = cloud.aws("cloudformation")
    (stacks.update_stack if update else stacks.create_stack)(
        StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )

    def settled() -> Any:
        stack = stacks.describe_stacks(StackName=name)["Stacks"][0]
        return stack["StackStatus"] if not stack["StackStatus"].endswith("IN_PROGRESS") else None

    assert cloud.until(settled) == ("UPDATE_COMPLETE" if update else "CREATE_COMPLETE")


@case(
    "ReservedConcurrentExecutions of a template is set on the function, changed and taken away with it",
    source="CloudFormation User Guide, AWS::Lambda::Function, ReservedConcurrentExecutions",
    bridge="aws_lambda.reserved_concurrency",
)
def test_a_template_reserves_concurrency(cloud: Cloud) -> None:
    name = cloud.unique("reserved")
    role = cloud.role("lambda", {"Effect": "Allow", "Action": "*", "Resource": "*"})

    def template(**more: Any) -> dict[str, Any]:
        code = {"ZipFile": "def handler(event, context): return 1"}
        properties = {"FunctionName": name, "Runtime": "python3.13", "Handler": "index.handler", "Role": role}
        properties |= {"Code": code, **more}
        return {"Resources": {"Function": {"Type": "AWS::Lambda::Function", "Properties": properties}}}

    def reserved() -> Any:
        found = cloud.aws("lambda").get_function_concurrency(FunctionName=name)
        return found.get("ReservedConcurrentExecutions")

    deploy(cloud, name, template(ReservedConcurrentExecutions=2))
    assert reserved() == 2
    deploy(cloud, name, template(ReservedConcurrentExecutions=5), update=True)
    assert reserved() == 5
    deploy(cloud, name, template(), update=True)
    assert reserved() is None
    cloud.aws("cloudformation").delete_stack(StackName=name)


@case(
    "a throttled stream batch is repeated whole: it is no attempt, is not split and is not given up",
    source="Lambda Developer Guide, DynamoDB event source parameters, MaximumRetryAttempts "
    "(does not apply to throttles where the batch did not reach the function)",
    bridge=None,
    on_aws=False,
    why_not="the handler writes what it saw into a local folder",
)
def test_a_throttled_stream_waits_and_loses_nothing(cloud: Cloud, notes: Path) -> None:
    table, stream = cloud.table()
    url, queue = cloud.queue()
    arn = function(cloud, notes, "")
    cloud.aws("lambda").put_function_concurrency(FunctionName=arn, ReservedConcurrentExecutions=0)
    given_up = {"OnFailure": {"Destination": queue}}
    cloud.put(table, "a", 1)
    cloud.put(table, "a", 2)
    settings = {"MaximumRetryAttempts": 1, "BisectBatchOnFunctionError": True, "DestinationConfig": given_up}
    cloud.mapping(arn, stream, **settings)
    time.sleep(2)
    assert batches(notes) == []
    cloud.aws("lambda").delete_function_concurrency(FunctionName=arn)
    cloud.until(lambda: batches(notes))
    assert batches(notes)[0]["records"] == [["a", 1], ["a", 2]]
    assert cloud.messages(url) == []


@case(
    "a template's reference to a secret's version is resolved, and again only when the resource changes",
    source="CloudFormation User Guide, Get a secret or secret value from Secrets Manager, Considerations",
    bridge=None,
    on_aws=False,
    why_not="a secret is not among the things that the suite makes and removes in an account",
)
def test_a_reference_to_a_secret_is_resolved_when_its_resource_changes(cloud: Cloud) -> None:
    secrets, name = cloud.aws("secretsmanager"), cloud.unique("referred")
    arn = secrets.create_secret(Name=name, SecretString="first")["ARN"]

    def template(version: str, other: str) -> dict[str, Any]:
        value = {"Fn::Sub": ["{{resolve:secretsmanager:${A}:SecretString:::${V}}}", {"A": arn, "V": version}]}
        referring = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": value}}
        another = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": other}}
        outputs = {"Topic": {"Value": {"Ref": "Referring"}}}
        return {"Resources": {"Referring": referring, "Other": another}, "Outputs": outputs}

    def said() -> str:
        (stack,) = cloud.aws("cloudformation").describe_stacks(StackName=name)["Stacks"]
        topic = stack["Outputs"][0]["OutputValue"]
        return str(cloud.aws("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"])

    deploy(cloud, name, template("", "one"))
    assert said() == "first"
    version = secrets.put_secret_value(SecretId=arn, SecretString="second")["VersionId"]
    deploy(cloud, name, template("", "two"), update=True)
    assert said() == "first"
    deploy(cloud, name, template(version, "two"), update=True)
    assert said() == "second"
    cloud.aws("cloudformation").delete_stack(StackName=name)
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
