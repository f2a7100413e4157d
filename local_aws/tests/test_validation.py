"""What a service's own model does not allow is refused on the embedded AWS, also where MiniStack would let it pass."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote, urlencode

import boto3
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ClientError

from local_aws.gateway import validation, wire_request
from local_aws.tests.conformance.cloud import Cloud
from local_aws.tests.conformance.emulator import Emulator


def raw(emulator: Emulator, service: str) -> Any:
    """A client that checks nothing itself."""
    return boto3.client(
        service,
        endpoint_url=emulator.facts["aws_url"],
        region_name=emulator.facts["region"],
        aws_access_key_id=emulator.facts["access_key_id"],
        aws_secret_access_key=emulator.facts["secret_access_key"],
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )


CHANGE = {"Action": "CREATE", "ResourceRecordSet": {"Name": "a.test", "Type": "A", "TTL": 5}}
INVALID: list[tuple[str, Callable[[Any], Any], str, str]] = [
    ("dynamodb", lambda c: c.get_item(Key={"pk": {"S": "a"}}), "ValidationException", "'tableName' failed"),
    (
        "dynamodb",
        lambda c: c.get_item(TableName="t" * 1025, Key={}),
        "ValidationException",
        "less than or equal to 1024",
    ),
    (
        "dynamodb",
        lambda c: c.get_item(TableName="table", Key={"pk": {"S": "a"}}, ReturnConsumedCapacity="ALL"),
        "ValidationException",
        "enum value set: [INDEXES, NONE, TOTAL]",
    ),
    ("dynamodb", lambda c: c.batch_get_item(RequestItems={}), "ValidationException", "greater than or equal to 1"),
    ("stepfunctions", lambda c: c.send_task_success(taskToken="t", output=7), "ValidationException", "of type string"),
    ("stepfunctions", lambda c: c.send_task_failure(taskToken="t", error="e" * 257), "ValidationException", "256"),
    ("stepfunctions", lambda c: c.list_executions(stateMachineArn="a", maxResults=1001), "ValidationException", "1000"),
    ("events", lambda c: c.put_events(Entries=[]), "ValidationException", "greater than or equal to 1"),
    ("sqs", lambda c: c.send_message(QueueUrl="q"), "InvalidParameterValue", "'MessageBody'"),
    ("sns", lambda c: c.publish(TopicArn="t"), "InvalidParameter", "'Message'"),
    ("secretsmanager", lambda c: c.get_secret_value(SecretId=""), "InvalidParameterException", "equal to 1"),
    (
        "route53",
        lambda c: c.change_resource_record_sets(HostedZoneId="Z" * 40, ChangeBatch={"Changes": [CHANGE]}),
        "InvalidInput",
        "less than or equal to 32",
    ),
    (
        "route53",
        lambda c: c.change_resource_record_sets(
            HostedZoneId="Z1", ChangeBatch={"Changes": [CHANGE | {"Action": "REPLACE"}]}
        ),
        "InvalidInput",
        "'ChangeBatch.Changes.1.member.Action' failed to satisfy constraint: Member must satisfy enum",
    ),
    (
        "cloudfront",
        lambda c: c.create_invalidation(DistributionId="E1", InvalidationBatch={"Paths": {"Quantity": 1}}),
        "InvalidArgument",
        "'InvalidationBatch.CallerReference'",
    ),
]


@pytest.mark.parametrize(("service", "call", "code", "says"), INVALID, ids=[f"{row[0]} {row[3]}" for row in INVALID])
def test_what_the_model_does_not_allow_is_refused_and_traced(
    emulator: Emulator, service: str, call: Callable[[Any], Any], code: str, says: str
) -> None:
    with pytest.raises(ClientError) as refused:
        call(raw(emulator, service))
    assert refused.value.response["Error"]["Code"] == code
    message = refused.value.response["Error"]["Message"]
    assert says.lower() in message.lower()
    assert emulator.trace()[-1]["invalid"] in message


def test_a_state_machines_own_invalid_call_fails_its_task(cloud: Cloud, emulator: Emulator) -> None:
    table, _ = cloud.table()
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:dynamodb:putItem",
        "Arguments": {"TableName": table, "Item": {"pk": {"S": 7}, "sk": {"N": "1"}}},
        "End": True,
    }
    machine = cloud.machine({"StartAt": "Put", "States": {"Put": state}})
    assert cloud.run(machine)["error"] == "DynamoDb.DynamoDbException"
    lines = [line for line in emulator.trace() if line.get("via") == "states"]
    assert "of type string" in lines[-1]["invalid"]


def test_what_fits_passes(cloud: Cloud, aws: Callable[[str], Any]) -> None:
    table, _ = cloud.table()
    cloud.put(table, "#tag/ñ", 1, text="<&>")
    topic = aws("sns").create_topic(Name=cloud.unique("topic"))["TopicArn"]
    attributes = {"kind": {"DataType": "String", "StringValue": "a b"}}
    aws("sns").publish(TopicArn=topic, Message="x", Subject="y", MessageAttributes=attributes)


def record(name: str) -> dict[str, Any]:
    target = {"HostedZoneId": "Z2", "DNSName": "d1.cloudfront.net", "EvaluateTargetHealth": False}
    return {"Action": "CREATE", "ResourceRecordSet": {"Name": name, "Type": "A", "AliasTarget": target}}


ROUND_TRIPS: list[tuple[str, str, dict[str, Any]]] = [
    ("route53", "ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": [record("a.b")] * 2}}),
    ("route53", "ListResourceRecordSets", {"HostedZoneId": "Z1", "StartRecordName": "a.b", "StartRecordType": "A"}),
    (
        "cloudfront",
        "CreateInvalidation",
        {
            "DistributionId": "E1",
            "InvalidationBatch": {
                "Paths": {"Quantity": 2, "Items": ["/ñ*", "#shop:a"]},
                "CallerReference": "<r&>",
            },
        },
    ),
    (
        "sns",
        "Publish",
        {
            "TopicArn": "arn:aws:sns:us-east-1:1:t",
            "Message": "a=b&c ñ",
            "MessageAttributes": {
                "one": {"DataType": "String", "StringValue": "1 +"},
                "two": {"DataType": "String", "StringValue": "2"},
            },
        },
    ),
    (
        "sns",
        "PublishBatch",
        {"TopicArn": "t", "PublishBatchRequestEntries": [{"Id": str(n), "Message": "m"} for n in range(10)]},
    ),
    ("dynamodb", "GetItem", {"TableName": "t", "Key": {"pk": {"S": "#tag/ñ"}}, "ConsistentRead": True}),
    ("stepfunctions", "SendTaskFailure", {"taskToken": "t", "error": "E", "cause": "c"}),
]


@pytest.mark.parametrize(("service", "operation", "given"), ROUND_TRIPS, ids=[row[1] for row in ROUND_TRIPS])
def test_a_request_is_read_back_as_the_sdk_was_called(service: str, operation: str, given: dict[str, Any]) -> None:
    call = request_of(service, operation, given)
    found = wire_request.parameters(call)
    assert found is not None
    shape, parameters = found
    assert parameters == given
    assert validation.problem_in(shape, parameters) is None


def request_of(service: str, operation: str, given: dict[str, Any]) -> Any:
    """What the SDK sends for this call, as the gateway sees it."""
    client = boto3.client(service, region_name="us-east-1")
    sent: dict[str, Any] = {}
    nothing = (AWSResponse("", 200, {}, None), {})
    client.meta.events.register("before-call", lambda params, **_: sent.update(params) or nothing)
    getattr(client, xform_name(operation))(**given)
    body = urlencode(sent["body"]) if isinstance(sent["body"], dict) else sent["body"]
    return SimpleNamespace(
        service=client.meta.service_model.signing_name,
        operation=operation,
        method=sent["method"],
        path=unquote(sent["url_path"].partition("?")[0]),
        query=urlencode(sent["query_string"]),
        headers={name.lower(): value for name, value in sent["headers"].items()},
        body=body.encode() if isinstance(body, str) else body,
    )
