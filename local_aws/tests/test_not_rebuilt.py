"""What this embedded AWS does not rebuild is refused, instead of running as stock MiniStack would run it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from local_aws.tests.conformance.cloud import Cloud

PASSES = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
INVOKES = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "f"}}
UNKNOWN: dict[str, dict[str, Any]] = {
    "Map": {"Type": "Map", "Items": [1], "ItemProcessor": PASSES},
    "Parallel": {"Type": "Parallel", "Branches": [PASSES]},
    "HeartbeatSeconds": {**INVOKES, "TimeoutSeconds": 20, "HeartbeatSeconds": 2},
    "another service": {**INVOKES, "Resource": "arn:aws:states:::sqs:sendMessage"},
    "another machine": {**INVOKES, "Resource": "arn:aws:states:::states:startExecution.sync:2"},
    "a function's ARN": {**INVOKES, "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f"},
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_a_state_that_would_run_in_another_way_than_on_aws_is_refused(cloud: Cloud, what: str) -> None:
    with pytest.raises(ClientError, match="NOT_REBUILT_HERE"):
        cloud.machine({"StartAt": "A", "States": {"A": {**UNKNOWN[what], "End": True}}})


def test_a_fifo_queue_is_no_source(cloud: Cloud) -> None:
    sqs, name = cloud.aws("sqs"), cloud.unique("queue")
    url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    function = cloud.function("def handler(event, context): ...")
    with pytest.raises(ClientError, match="FIFO"):
        cloud.aws("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=arn)
