"""EventBridge: what PutEvents takes, and what becomes of an event that cannot be delivered."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from local_aws.client import Faults

from .case import case

if TYPE_CHECKING:
    from local_aws.tests.conformance.cloud import Cloud
    from local_aws.tests.conformance.emulator import Emulator

PUT = "EventBridge API Reference, PutEvents"
DLQ = "EventBridge User Guide, Using dead-letter queues to process undelivered events"
GOOD = {"Source": "shop.orders", "DetailType": "OrderPlaced", "Detail": '{"order_id": "apple"}'}


def put(cloud: Cloud, *entries: dict[str, Any]) -> Any:
    return cloud.aws("events").put_events(Entries=list(entries))


def rule(cloud: Cloud, source: str, target: str, dead_letters: str, **more: Any) -> str:
    """A rule that sends events of a source to a target. Returns the rule's ARN."""
    name, events = cloud.unique("rule"), cloud.aws("events")
    arn: str = events.put_rule(Name=name, EventPattern=json.dumps({"source": [source]}))["RuleArn"]
    events.put_targets(
        Rule=name, Targets=[{"Id": "only", "Arn": target, "DeadLetterConfig": {"Arn": dead_letters}, **more}]
    )
    return arn


def dead(cloud: Cloud, url: str) -> list[Any]:
    answer = cloud.aws("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"])
    return list(answer.get("Messages", []))


@case("a PutEvents request of 256 KB or more is refused whole", source=f"{PUT}; Quotas", bridge="eventbridge.delivery")
def test_a_request_has_a_size(cloud: Cloud) -> None:
    large = {**GOOD, "Detail": json.dumps({"text": "x" * 262_144})}
    with pytest.raises(ClientError, match="Total size of the entries") as refused:
        put(cloud, GOOD, large)
    assert refused.value.response["Error"]["Code"] == "ValidationException"


@case("a PutEvents request has at most ten entries", source=PUT, bridge=None)
def test_a_request_has_ten_entries_at_most(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match="less than or equal to 10"):
        put(cloud, *[GOOD] * 11)


@case(
    "an entry without a source, or with a detail that is no JSON object, fails alone and is counted",
    source=f"{PUT}, PutEventsResultEntry",
    bridge="eventbridge.delivery",
)
def test_a_bad_entry_fails_alone(cloud: Cloud) -> None:
    without = {key: value for key, value in GOOD.items() if key != "Source"}
    answer = put(cloud, GOOD, {**GOOD, "Detail": "{"}, without)
    assert answer["FailedEntryCount"] == 2
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [None, "MalformedDetail", "InvalidArgument"]


@case(
    "an event for a queue that is gone goes to the target's dead-letter queue, with the reason",
    source=DLQ,
    bridge="eventbridge.delivery",
)
def test_an_event_without_a_target_is_a_dead_letter(cloud: Cloud) -> None:
    url, dead_letters = cloud.queue()
    cloud.let_send(url, dead_letters)
    gone_url, gone = cloud.queue()
    source = cloud.unique("source")
    arn = rule(cloud, source, gone, dead_letters)
    cloud.aws("sqs").delete_queue(QueueUrl=gone_url)
    put(cloud, {**GOOD, "Source": source})
    (message,) = cloud.until(lambda: dead(cloud, url))
    event = json.loads(message["Body"])
    assert (event["source"], event["detail-type"], event["detail"]) == (
        source,
        "OrderPlaced",
        {"order_id": "apple"},
    )
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (attributes["RULE_ARN"], attributes["TARGET_ARN"]) == (arn, gone)
    assert attributes["ERROR_CODE"] == "NO_RESOURCE"
    assert attributes["ERROR_MESSAGE"]


@case(
    "a queue whose policy does not let the rule send gets nothing; the event is a dead letter",
    source=f"{DLQ}; Using resource-based policies, Amazon SQS permissions",
    bridge="eventbridge.delivery",
)
def test_a_queues_policy_decides(cloud: Cloud) -> None:
    url, dead_letters = cloud.queue()
    cloud.let_send(url, dead_letters)
    target_url, target = cloud.queue()
    source = cloud.unique("source")
    rule(cloud, source, target, dead_letters)
    put(cloud, {**GOOD, "Source": source})
    (message,) = cloud.until(lambda: dead(cloud, url))
    assert message["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_PERMISSIONS"
    assert cloud.messages(target_url) == []
    cloud.let_send(target_url, target)
    put(cloud, {**GOOD, "Source": source})
    (event,) = cloud.until(lambda: cloud.messages(target_url))
    assert event["source"] == source


@case(
    "what cannot be delivered is counted as FailedInvocations and InvocationsSentToDlq of its rule",
    source="EventBridge User Guide, Monitoring Amazon EventBridge, metrics",
    bridge="eventbridge.delivery",
    on_aws=False,
    why_not="AWS's metrics appear minutes later",
)
def test_failed_invocations_are_counted(cloud: Cloud) -> None:
    url, dead_letters = cloud.queue()
    cloud.let_send(url, dead_letters)
    _, target = cloud.queue()
    source = cloud.unique("source")
    name = rule(cloud, source, target, dead_letters).rsplit("/", 1)[-1]
    put(cloud, {**GOOD, "Source": source})
    cloud.until(lambda: dead(cloud, url))
    listed = cloud.aws("cloudwatch").list_metrics(
        Namespace="AWS/Events", Dimensions=[{"Name": "RuleName", "Value": name}]
    )
    assert {metric["MetricName"] for metric in listed["Metrics"]} == {"FailedInvocations", "InvocationsSentToDlq"}


@case(
    "a target that fails for a while gets the event later; one that fails for too long makes it a dead letter",
    source="EventBridge User Guide, How EventBridge retries delivering events; " + DLQ,
    bridge="eventbridge.delivery",
    on_aws=False,
    why_not="AWS's targets cannot be made to fail for a while",
)
def test_the_retry_policy_is_kept(cloud: Cloud, emulator: Emulator) -> None:
    url, dead_letters = cloud.queue()
    cloud.let_send(url, dead_letters)
    target_url, target = cloud.queue()
    cloud.let_send(target_url, target)
    source = cloud.unique("source")
    rule(cloud, source, target, dead_letters, RetryPolicy={"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60})
    faults = Faults(f"{emulator.facts['aws_url']}/_local_aws/faults")
    error = {"code": "RequestThrottled", "message": "slower, please"}
    with faults.rule("sqs", "SendMessage", principal="events", match=source, error=error, times=1) as struck:
        put(cloud, {**GOOD, "Source": source})
        (event,) = cloud.until(lambda: cloud.messages(target_url))
        assert event["source"] == source
        assert struck.hits == 1
    with faults.rule("sqs", "SendMessage", principal="events", match=source, error=error):
        put(cloud, {**GOOD, "Source": source})
        (message,) = cloud.until(lambda: dead(cloud, url))
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "RequestThrottled"
    assert (attributes["EXHAUSTED_RETRY_CONDITION"], attributes["RETRY_ATTEMPTS"]) == ("MaximumRetryAttempts", "1")


@case(
    "a stack's change of status is an event on the default bus",
    source="CloudFormation User Guide, Managing events with EventBridge, Stack status changes",
    bridge="cloudformation.stack_events",
)
def test_a_stack_tells_what_becomes_of_it(cloud: Cloud) -> None:
    url, arn = cloud.queue()
    cloud.let_send(url, arn)
    stacks, name = cloud.aws("cloudformation"), cloud.unique("stack")
    rule(cloud, "aws.cloudformation", arn, arn)
    topic = {"Type": "AWS::SNS::Topic"}
    stacks.create_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Topic": topic}}))
    told: list[Any] = []

    def tells(status: str) -> bool:
        told.extend(cloud.messages(url))
        mine = [event["detail"] for event in told if f"/{name}/" in event["detail"]["stack-id"]]
        return status in [detail["status-details"]["status"] for detail in mine]

    cloud.until(lambda: tells("CREATE_COMPLETE"), 60)
    named = {**topic, "Properties": {"DisplayName": name}}
    stacks.update_stack(StackName=name, TemplateBody=json.dumps({"Resources": {"Topic": named}}))
    cloud.until(lambda: tells("UPDATE_COMPLETE"), 60)
    stacks.delete_stack(StackName=name)
    assert {event["detail-type"] for event in told} == {"CloudFormation Stack Status Change"}
