"""IAM: who is known, Route 53's condition keys, the transport."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .case import case
from .cloud import once_known

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_aws.tests.conformance.cloud import Cloud

PREFIX = "route53:ChangeResourceRecordSets"
NAMES, TYPES, ACTIONS = f"{PREFIX}NormalizedRecordNames", f"{PREFIX}RecordTypes", f"{PREFIX}Actions"


@pytest.fixture(scope="module")
def change(aws: Callable[..., Any], cloud: Cloud) -> Callable[..., str]:
    """change((name, type, action), …) as a user who may CREATE and DELETE A records below example.test: the outcome."""
    made = aws("route53").create_hosted_zone(Name="example.test", CallerReference=cloud.unique("iam"))
    zone = made["HostedZone"]["Id"].split("/")[-1]
    arn = f"arn:aws:route53:::hostedzone/{zone}"
    user = aws("iam").create_user(UserName=cloud.unique("writer"))["User"]["UserName"]
    allow = {
        "ForAllValues:StringLike": {NAMES: "*.example.test"},
        "ForAllValues:StringEquals": {TYPES: ["A"], ACTIONS: ["CREATE", "DELETE"]},
        "Null": {NAMES: "false", TYPES: "false", ACTIONS: "false"},
    }
    deny = {"ForAnyValue:StringLike": {NAMES: ["\\052*", "*.*.example.test", "www.example.test"]}}
    statements = [
        {"Effect": "Allow", "Action": PREFIX, "Resource": arn, "Condition": allow},
        {"Effect": "Deny", "Action": PREFIX, "Resource": arn, "Condition": deny},
        {"Effect": "Allow", "Action": "route53:ListResourceRecordSets", "Resource": arn},
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    aws("iam").put_user_policy(UserName=user, PolicyName="own", PolicyDocument=policy)
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    client = aws("route53", access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    once_known(lambda: client.list_resource_record_sets(HostedZoneId=zone))

    def attempt(*changes: tuple[str, str, str]) -> str:
        values = {"A": "192.0.2.1", "TXT": '"x"', "AAAA": "2001:db8::1"}
        batch = [
            {
                "Action": action,
                "ResourceRecordSet": {
                    "Name": name,
                    "Type": kind,
                    "TTL": 5,
                    "ResourceRecords": [{"Value": values[kind]}],
                },
            }
            for name, kind, action in changes
        ]
        try:
            client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": batch})
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "allowed"

    return attempt


@case(
    "a change within the conditions on names, types and actions is allowed",
    source="Route 53 Developer Guide, Using IAM policy conditions for fine-grained access control",
    bridge="iam.conditions",
)
def test_a_change_within_the_conditions_is_allowed(change: Callable[..., str], cloud: Cloud) -> None:
    assert change((f"{cloud.unique('t')}.example.test", "A", "CREATE")) == "allowed"
    assert change(("UPPER.Example.Test.", "A", "CREATE")) == "allowed"


@case(
    "a change outside the conditions on names, types and actions is AccessDenied",
    source="Route 53 Developer Guide, Using IAM policy conditions for fine-grained access control",
    bridge="iam.conditions",
)
@pytest.mark.parametrize(
    "refused",
    [
        ("apple.example.test", "A", "UPSERT"),
        ("apple.example.test", "TXT", "CREATE"),
        ("example.test", "A", "CREATE"),
        ("a.b.example.test", "A", "CREATE"),
        ("*.example.test", "A", "CREATE"),
        ("\\052.example.test", "A", "CREATE"),
        ("www.example.test", "A", "CREATE"),
    ],
)
def test_a_change_outside_the_conditions_is_denied(
    change: Callable[..., str], cloud: Cloud, refused: tuple[str, str, str]
) -> None:
    assert change((f"{cloud.unique('t')}.example.test", "A", "CREATE")) == "allowed"
    assert change(refused) == "AccessDenied"


@case(
    "one change outside the conditions denies the whole batch",
    source="Route 53 Developer Guide, Using IAM policy conditions for fine-grained access control",
    bridge="iam.conditions",
)
def test_one_bad_change_denies_the_whole_batch(change: Callable[..., str], cloud: Cloud) -> None:
    fine = (f"{cloud.unique('t')}.example.test", "A", "CREATE")
    assert change(fine, ("www.example.test", "A", "CREATE")) == "AccessDenied"
    assert change(fine, ("other.example.test", "AAAA", "CREATE")) == "AccessDenied"
    assert change(fine) == "allowed"


@case(
    "a batch of SQS is authorised as the action of one message",
    source="SQS Developer Guide, Amazon SQS API permissions: actions and resource reference",
    bridge="iam.conditions",
)
def test_a_batch_needs_the_permission_of_one(aws: Callable[..., Any], cloud: Cloud) -> None:
    url, arn = cloud.queue()
    user = aws("iam").create_user(UserName=cloud.unique("sender"))["User"]["UserName"]
    allow = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    aws("iam").put_user_policy(UserName=user, PolicyName="own", PolicyDocument=policy)
    key = aws("iam").create_access_key(UserName=user)["AccessKey"]
    client = aws("sqs", access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])
    once_known(lambda: client.send_message(QueueUrl=url, MessageBody="one"))

    sent = client.send_message_batch(QueueUrl=url, Entries=[{"Id": "m", "MessageBody": "two"}])
    assert [each["Id"] for each in sent["Successful"]] == ["m"]
    with pytest.raises(ClientError) as refused:
        client.delete_message_batch(QueueUrl=url, Entries=[{"Id": "m", "ReceiptHandle": "x"}])
    assert refused.value.response["Error"]["Code"] in {"AccessDenied", "AccessDeniedException"}


@case(
    "a key that never was is UnrecognizedClientException",
    source="DynamoDB Developer Guide, Error handling, UnrecognizedClientException",
    bridge=None,
)
def test_an_unknown_key_is_refused(aws: Callable[..., Any]) -> None:
    with pytest.raises(ClientError) as refused:
        aws("dynamodb", access_key="AKIANOBODY", secret_key="none").list_tables()
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"


@case(
    "a policy that denies what does not come over TLS denies no SDK's call",
    source="IAM User Guide, Global condition context keys, aws:SecureTransport",
    bridge="iam.secure_transport",
    still_different="The endpoint is plain HTTP on the loopback interface, and counts as TLS.",
)
def test_a_policy_that_denies_plain_http_denies_no_client(cloud: Cloud) -> None:
    s3, name = cloud.aws("s3"), cloud.unique("local-aws-conformance")
    s3.create_bucket(Bucket=name)
    arns = [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"]
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": arns}
    statement = deny | {"Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    s3.put_object(Bucket=name, Key="index.html", Body=b"hello")
    assert s3.get_object(Bucket=name, Key="index.html")["Body"].read() == b"hello"


@pytest.fixture
def somebody(aws: Callable[..., Any], cloud: Cloud) -> Callable[..., Any]:
    """somebody(service, statement, …): a client of a user who may do just that."""

    def client(service: str, *statements: dict[str, Any]) -> Any:
        user = aws("iam").create_user(UserName=cloud.unique("user"))["User"]["UserName"]
        policy = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        aws("iam").put_user_policy(UserName=user, PolicyName="own", PolicyDocument=policy)
        key = aws("iam").create_access_key(UserName=user)["AccessKey"]
        return aws(service, access_key=key["AccessKeyId"], secret_key=key["SecretAccessKey"])

    return client


@case(
    "StartExecution is granted by state machine, DescribeExecution by execution",
    source="Service Authorization Reference, AWS Step Functions, resource types",
    bridge=None,
)
def test_executions_are_granted_by_machine(cloud: Cloud, somebody: Callable[..., Any]) -> None:
    passes = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    mine, other = cloud.machine(passes), cloud.machine(passes)
    executions = mine.replace(":stateMachine:", ":execution:") + ":*"
    states = somebody(
        "stepfunctions",
        {"Effect": "Allow", "Action": "states:StartExecution", "Resource": mine},
        {"Effect": "Allow", "Action": "states:DescribeExecution", "Resource": executions},
    )
    arn = states.start_execution(stateMachineArn=mine, input="{}")["executionArn"]
    assert states.describe_execution(executionArn=arn)["executionArn"] == arn
    foreign = cloud.run(other)["executionArn"]
    for call in (
        lambda: states.start_execution(stateMachineArn=other, input="{}"),
        lambda: states.describe_execution(executionArn=foreign),
        lambda: states.stop_execution(executionArn=arn),
    ):
        with pytest.raises(ClientError, match="not authorized"):
            call()


@case(
    "SendTaskSuccess and SendTaskFailure need their own permissions",
    source="Service Authorization Reference, AWS Step Functions, SendTaskSuccess",
    bridge=None,
)
def test_answers_to_tokens_need_a_permission(somebody: Callable[..., Any]) -> None:
    states = somebody("stepfunctions", {"Effect": "Allow", "Action": "states:SendTaskFailure", "Resource": "*"})
    with pytest.raises(ClientError, match="not authorized"):
        states.send_task_success(taskToken="x", output="{}")
    with pytest.raises(ClientError, match="InvalidToken"):
        states.send_task_failure(taskToken="x", error="No", cause="no")
