"""What somebody tries who wants to know whether a product works. Each raises AssertionError when something is wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from control.stacks import Output
from local_aws.client import Faults
from tests.mutation.emulator.product import Product
from tests.workflow.embedded import eventually

type Try = Callable[[Product, str, float], None]
"""(product, a tenant's id that nobody has used, seconds after which a run counts as stuck)"""


def onboards(product: Product, tenant: str, patience: float) -> None:
    """A tenant is put in, and is there with all that belongs to it."""
    aws = product.aws
    aws.insert(tenant)
    record = _settled(product, tenant, patience)
    assert record["status"] == "ACTIVE", f"{tenant}: {record.get('last_error', record['status'])}"
    host = aws.host(tenant)
    assert {"A", "AAAA"} <= {kind for name, kind in aws.zone() if name == host}
    assert host in aws.aliases(), f"{host} is no alias"
    assert aws.get(host).json()["tenant_id"] == tenant
    eventually(lambda: aws.executions(tenant)[0]["status"] != "RUNNING", "the execution's end", 5)
    assert aws.executions(tenant)[0]["status"] == "SUCCEEDED"


def onboards_while(service: str, operation: str, times: int, code: str, principal: str) -> Try:
    """A tenant is put in while a service refuses some calls."""

    def attempt(product: Product, tenant: str, patience: float) -> None:
        faults = Faults(product.aws.environment["FLUXION_FAULTS"])
        with faults.rule(service, operation, error={"code": code}, times=times, principal=principal) as rule:
            onboards(product, tenant, patience + 8)
            assert rule.hits == times, f"only {rule.hits} calls were refused"

    return attempt


def another_distribution_is_there(product: Product, tenant: str, patience: float) -> None:
    """A tenant is put in; another distribution of the account answers for shop.<base>."""
    cloudfront, main = product.client("cloudfront"), product.aws.outputs[Output.DISTRIBUTION]
    config = cloudfront.get_distribution_config(Id=main)["DistributionConfig"]
    config |= {"CallerReference": tenant, "Aliases": {"Quantity": 1, "Items": [product.aws.host("shop")]}}
    config["Enabled"] = False
    made = cloudfront.create_distribution(DistributionConfig=config)
    try:
        onboards(product, tenant, patience)
    finally:
        eventually(
            lambda: cloudfront.get_distribution(Id=made["Distribution"]["Id"])["Distribution"]["Status"] == "Deployed",
            "the other distribution is deployed",
        )
        cloudfront.delete_distribution(Id=made["Distribution"]["Id"], IfMatch=made["ETag"])


def a_change_is_seen(product: Product, tenant: str, patience: float) -> None:
    """A live tenant gets another name, and its visitors see it."""
    onboards(product, tenant, patience)
    product.aws.insert(tenant, name="Otro Nombre")
    _settled(product, tenant, patience, attempt=2)
    assert product.aws.get(product.aws.host(tenant)).json()["name"] == "Otro Nombre", "visitors see the old name"


def a_neighbours_cache_stays(product: Product, tenant: str, patience: float) -> None:
    """What is cached of a live tenant stays while another one comes."""
    onboards(product, tenant, patience)
    first = product.aws.get(product.aws.host(tenant)).headers
    onboards(product, f"{tenant}-b", patience)
    then = product.aws.get(product.aws.host(tenant)).headers
    assert "Hit" in then["x-cache"], f"{first['x-cache']}, then {then['x-cache']}"


def two_runs_at_once(product: Product, tenant: str, patience: float) -> None:
    """A second run of a tenant is started while the first is under way: it gives way, and nothing fails."""
    states, aws = product.client("stepfunctions"), product.aws
    with _slow(product):
        aws.insert(tenant)
        eventually(lambda: aws.record(tenant).get("lease"), "the first run at work", patience)
        machine, given = aws.outputs[Output.ONBOARD_MACHINE], json.dumps({"tenant_id": tenant})
        second = states.start_execution(stateMachineArn=machine, name=f"{tenant}-again", input=given)["executionArn"]
        eventually(
            lambda: states.describe_execution(executionArn=second)["status"] != "RUNNING", "the second run", patience
        )
    assert aws.states(second) == ["ClaimTenant", "Superseded"], aws.states(second)
    assert _settled(product, tenant, patience)["status"] == "ACTIVE"


def delivered_twice(product: Product, tenant: str, patience: float) -> None:
    """The stream delivers a record twice: one execution."""
    onboards(product, tenant, patience)
    product.aws.deliver(product.aws.last_stream_record(tenant))
    time.sleep(0.5)
    assert len(product.aws.executions(tenant)) == 1, "two executions"


def mails_about(tenant_id: str) -> Try:
    """A failure of a tenant with this id is published."""

    def attempt(product: Product, tenant: str, patience: float) -> None:
        data = {"stage": "ClaimTenant", "status": "FAILED", "name": None, "code": "InvalidTenantItem"}
        data |= {"message": "no", "remedy": "Change it.", "attempt": 1}
        metadata = {
            "id": "1",
            "tenant_id": tenant_id,
            "execution_arn": f"arn:aws:states:us-east-1:0:execution:m:{tenant}",
        }
        body = json.dumps({"detail-type": "TenantOnboardingFailed", "detail": {"metadata": metadata, "data": data}})
        record = {"messageId": tenant, "receiptHandle": "r", "body": body, "messageAttributes": {}}
        record |= {"attributes": {"ApproximateReceiveCount": "1"}}
        record |= {"md5OfBody": "", "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:0:q"}
        _works(product, "fluxion-failure-notifier", {"Records": [record | {"awsRegion": "us-east-1"}]})

    return attempt


def many_events(product: Product, tenant: str, patience: float) -> None:
    """Twelve events wait in the outbox."""
    moment = "2026-01-01T00:00:00Z"
    image = {"type": {"S": "TenantClaimed"}, "detail": {"S": "{}"}, "occurred_at": {"S": moment}}
    records = [{"eventName": "INSERT", "dynamodb": {"NewImage": image, "SequenceNumber": str(n)}} for n in range(12)]
    _works(product, "fluxion-publish-events", {"Records": records})


def _works(product: Product, function: str, event: dict[str, Any]) -> None:
    answer = product.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    assert payload == {"batchItemFailures": []}, payload


@contextmanager
def _slow(product: Product) -> Iterator[None]:
    faults = Faults(product.aws.environment["FLUXION_FAULTS"])
    with faults.rule("cloudfront", "UpdateDistribution", latency_seconds=3.0):
        yield


def _settled(product: Product, tenant: str, patience: float, attempt: int = 1) -> dict[str, Any]:
    aws = product.aws

    def ended() -> dict[str, Any] | None:
        record = aws.record(tenant)
        over = record and record["attempt"] >= attempt and "lease" not in record
        return record if over and record["operation"]["state"] != "RUNNING" else None

    return eventually(ended, f"the end of run {attempt} of {tenant}", patience)
