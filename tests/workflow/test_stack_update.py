"""An update of the stack writes the template's aliases back, while tenants are live and others on their way."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from .embedded import EmbeddedAws, eventually

pytestmark = pytest.mark.embedded_aws

LIVE = [f"obra-{number:02d}" for number in range(20)]
COMING = [f"nueva-{number:02d}" for number in range(20)]
_BETWEEN_REQUESTS_SECONDS = 0.02


@contextmanager
def visitors(aws: EmbeddedAws, tenants: list[str]) -> Iterator[Counter[str]]:
    """Somebody asks for the sites, one after the other, all the time. Counts what they got."""
    answers: Counter[str] = Counter()
    ending = threading.Event()

    def visit() -> None:
        while not ending.is_set():
            for tenant in tenants:
                try:
                    answers[str(aws.get(aws.host(tenant), nocache=str(time.monotonic())).status_code)] += 1
                except httpx.HTTPError as error:
                    answers[repr(error)] += 1
                if ending.wait(_BETWEEN_REQUESTS_SECONDS):
                    return

    thread = threading.Thread(target=visit)
    thread.start()
    try:
        yield answers
    finally:
        ending.set()
        thread.join()


def rewrite_the_distribution(aws: EmbeddedAws) -> None:
    """Deploy the template as it is, but for the distribution's comment."""
    client, s3 = aws.client("cloudformation"), aws.client("s3")
    (stack,) = client.describe_stacks(StackName="fluxion")["Stacks"]
    template = client.get_template(StackName="fluxion")["TemplateBody"]
    template["Resources"]["Distribution"]["Properties"]["DistributionConfig"]["Comment"] = f"At {time.time_ns()}"
    (bucket, *_) = [each["Name"] for each in s3.list_buckets()["Buckets"] if "sam" in each["Name"]]
    s3.put_object(Bucket=bucket, Key="changed.json", Body=json.dumps(template).encode())
    client.update_stack(
        StackName="fluxion",
        TemplateURL=f"{s3.meta.endpoint_url}/{bucket}/changed.json",
        Parameters=[{"ParameterKey": each["ParameterKey"], "UsePreviousValue": True} for each in stack["Parameters"]],
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
    )

    def status() -> str:
        return str(client.describe_stacks(StackName="fluxion")["Stacks"][0]["StackStatus"])

    eventually(lambda: status().endswith("_COMPLETE"), "the end of the update")
    assert status() == "UPDATE_COMPLETE"


def attached(aws: EmbeddedAws, tenants: list[str]) -> set[str]:
    return {tenant for tenant in tenants if aws.host(tenant) in aws.aliases()}


@pytest.fixture
def live(embedded_aws: EmbeddedAws) -> Iterator[None]:
    for tenant in LIVE:
        embedded_aws.insert(tenant)
    for tenant in LIVE:
        assert embedded_aws.settled(tenant)["status"] == "ACTIVE"
    yield
    embedded_aws.take_down([*LIVE, *COMING])


def test_a_stack_update_costs_no_visitor_and_all_aliases_come_back(embedded_aws: EmbeddedAws, live: None) -> None:
    assert attached(embedded_aws, LIVE) == set(LIVE)
    with visitors(embedded_aws, LIVE) as answers:
        for tenant in COMING:
            embedded_aws.insert(tenant)
        rewrite_the_distribution(embedded_aws)
        assert not attached(embedded_aws, LIVE), "the update takes them, or this test shows nothing"
        lost = {("AliasMissing", tenant) for tenant in LIVE}
        eventually(lambda: embedded_aws.drift() >= lost, "a scan, because the stack says that it was updated", 30)
        for tenant in COMING:
            assert embedded_aws.settled(tenant)["status"] == "ACTIVE"

        def are_all_back() -> bool:
            embedded_aws.scan()
            return attached(embedded_aws, [*LIVE, *COMING]) == {*LIVE, *COMING}

        eventually(are_all_back, "all aliases")

    assert set(answers) == {"200"}, answers
    assert answers["200"] > len(LIVE)
