"""A release of the control plane touches neither what is kept nor the distribution."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from control.stacks import DATA, EDGE, FOUNDATION, MAIN, Output

from .embedded import EmbeddedAws
from .releases import update_stack
from .test_stack_update import rewrite_the_distribution

pytestmark = pytest.mark.embedded_aws

TENANT = "entregada"


def kept(aws: EmbeddedAws) -> dict[str, Any]:
    """Everything by which one can tell that something of foundation, data or edge was updated or replaced."""
    cloudformation, cloudfront = aws.client("cloudformation"), aws.client("cloudfront")
    found: dict[str, Any] = {}
    for stack in (FOUNDATION, DATA, EDGE):
        (described,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        found[stack] = [described.get(key) for key in ("StackId", "StackStatus", "CreationTime", "LastUpdatedTime")]
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack):
            for each in page["StackResourceSummaries"]:
                about = (each["PhysicalResourceId"], each["LastUpdatedTimestamp"])
                found[f"{stack} {each['LogicalResourceId']}"] = about
    for table in (aws.tenants, aws.provisioning):
        table.reload()
        found[table.name] = (table.table_id, table.latest_stream_arn, table.creation_date_time)
    answer = cloudfront.get_distribution(Id=aws.outputs[Output.DISTRIBUTION])
    found["distribution"] = (answer["ETag"], answer["Distribution"]["LastModifiedTime"])
    found["aliases"] = sorted(aws.aliases())
    return found


def differences(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def put(resource: str, name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(template: dict[str, Any]) -> None:
        template["Resources"][resource]["Properties"][name] = value

    return change


def memory(aws: EmbeddedAws) -> int:
    found = aws.client("lambda").get_function_configuration(FunctionName="fluxion-tenant-record")
    return int(found["MemorySize"])


def policy(aws: EmbeddedAws) -> str:
    iam = aws.client("iam")
    (role,) = (each["RoleName"] for each in iam.list_roles()["Roles"] if "TenantRecordRole" in each["RoleName"])
    return str(iam.get_role_policy(RoleName=role, PolicyName="TenantRecord")["PolicyDocument"])


def retention(aws: EmbeddedAws) -> int:
    sqs = aws.client("sqs")
    (queue,) = (url for url in sqs.list_queues()["QueueUrls"] if "PoisonQueue" in url)
    answer = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["MessageRetentionPeriod"])
    return int(answer["Attributes"]["MessageRetentionPeriod"])


def threshold(aws: EmbeddedAws) -> float:
    (alarm,) = aws.client("cloudwatch").describe_alarms(AlarmNames=["fluxion-DriftLeft"])["MetricAlarms"]
    return float(alarm["Threshold"])


def may_less(template: dict[str, Any]) -> None:
    (given,) = template["Resources"]["TenantRecordRole"]["Properties"]["Policies"]
    given["PolicyDocument"]["Statement"].append(
        {"Sid": "NoReleases", "Effect": "Deny", "Action": "cloudformation:*", "Resource": "*"}
    )


RELEASES = {
    "a function": (put("TenantRecord", "MemorySize", 320), memory, lambda found: found == 320),
    "a role": (may_less, policy, lambda found: "NoReleases" in found),
    "a queue": (put("PoisonQueue", "MessageRetentionPeriod", 1209000), retention, lambda found: found == 1209000),
    "an alarm": (put("DriftLeftAlarm", "Threshold", 1), threshold, lambda found: found == 1),
}


@pytest.fixture(scope="module")
def released(embedded_aws: EmbeddedAws) -> Iterator[dict[str, Any]]:
    """The template of the last release; it is deployed again in the end. A tenant is live, with an alias."""
    embedded_aws.onboard(TENANT)
    template = embedded_aws.client("cloudformation").get_template(StackName=MAIN)["TemplateBody"]
    yield template
    update_stack(embedded_aws, MAIN, template)
    embedded_aws.take_down([TENANT])


@pytest.mark.parametrize("what", RELEASES)
def test_a_release_leaves_data_and_distribution_as_they_were(
    embedded_aws: EmbeddedAws, released: dict[str, Any], what: str
) -> None:
    change, look, is_done = RELEASES[what]
    template = copy.deepcopy(released)
    change(template)
    before = kept(embedded_aws)
    assert embedded_aws.host(TENANT) in before["aliases"]
    assert not is_done(look(embedded_aws))

    update_stack(embedded_aws, MAIN, template)

    assert is_done(look(embedded_aws)), "it was released"
    assert differences(before, kept(embedded_aws)) == set()


def test_an_update_of_the_edge_is_seen(embedded_aws: EmbeddedAws, released: dict[str, Any]) -> None:
    """Or the test above could not fail."""
    before = kept(embedded_aws)

    rewrite_the_distribution(embedded_aws)

    found = differences(before, kept(embedded_aws))
    assert found >= {EDGE, f"{EDGE} Distribution", "distribution", "aliases"}
    assert not [name for name in found if name.startswith((FOUNDATION, DATA))]


def test_nobody_takes_away_what_a_later_stack_needs(embedded_aws: EmbeddedAws) -> None:
    client = embedded_aws.client("cloudformation")

    for stack in (FOUNDATION, DATA, EDGE):
        with pytest.raises(client.exceptions.ClientError, match="imported by"):
            client.delete_stack(StackName=stack)
