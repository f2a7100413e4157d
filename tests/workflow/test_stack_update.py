"""An update of the edge writes the template's aliases back, while tenants are live and others on their way."""

import copy
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from backend.origin_guard import HEADER
from control.stacks import EDGE, Output
from tests.unit.template import reading

from .embedded import EmbeddedAws, eventually
from .releases import update_stack

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


def rewrite_the_distribution(aws: EmbeddedAws, **changed: str) -> None:
    """Deploy the edge as it is, but for the distribution's comment, and for some parameters."""
    template = copy.deepcopy(reading.EDGE)
    template["Resources"]["Distribution"]["Properties"]["DistributionConfig"]["Comment"] = f"At {time.time_ns()}"
    update_stack(aws, EDGE, template, **changed)


def attached(aws: EmbeddedAws, tenants: list[str]) -> set[str]:
    return {tenant for tenant in tenants if aws.host(tenant) in aws.aliases()}


@pytest.fixture
def live(embedded_aws: EmbeddedAws) -> Iterator[None]:
    embedded_aws.onboard_all(LIVE)
    yield
    embedded_aws.take_down([*LIVE, *COMING])


def test_an_update_of_the_edge_costs_no_visitor_and_aliases_come_back(embedded_aws: EmbeddedAws, live: None) -> None:
    assert attached(embedded_aws, LIVE) == set(LIVE)
    with visitors(embedded_aws, LIVE) as answers:
        for tenant in COMING:
            embedded_aws.insert(tenant)
        rewrite_the_distribution(embedded_aws)
        assert not attached(embedded_aws, LIVE), "the update takes them, or this test shows nothing"
        lost = {("AliasMissing", tenant) for tenant in LIVE}
        eventually(lambda: embedded_aws.drift() >= lost, "a scan, because the edge says that it was updated", 30)
        for tenant in COMING:
            assert embedded_aws.settled(tenant)["status"] == "ACTIVE"

        def are_all_back() -> bool:
            embedded_aws.scan()
            return attached(embedded_aws, [*LIVE, *COMING]) == {*LIVE, *COMING}

        eventually(are_all_back, "all aliases")

    assert set(answers) == {"200"}, answers
    assert answers["200"] > len(LIVE)


# --- what the backend knows the distribution by -----------------------------------------------------------------------


def straight(aws: EmbeddedAws, tenant: str, path: str = "/api/tenant", **headers: str) -> int:
    """What the backend answers to somebody who goes past the edge."""
    url = f"{aws.environment['FLUXION_BACKEND_URL']}{path}"
    return httpx.get(url, headers={"Host": aws.host(tenant), **headers}, trust_env=False).status_code


def sent(aws: EmbeddedAws) -> dict[str, str]:
    """The headers that the distribution adds to what it asks the backend."""
    config = aws.client("cloudfront").get_distribution_config(Id=aws.outputs[Output.DISTRIBUTION])["DistributionConfig"]
    (backend,) = (origin for origin in config["Origins"]["Items"] if origin["Id"] == "backend")
    return {each["HeaderName"]: each["HeaderValue"] for each in backend["CustomHeaders"].get("Items", [])}


@pytest.fixture(scope="module")
def guarded(embedded_aws: EmbeddedAws) -> Iterator[str]:
    """A live tenant, whose alias cdn_aliases has written into the distribution's whole configuration."""
    embedded_aws.onboard("guardada")
    yield "guardada"
    embedded_aws.take_down(["guardada"])


def test_a_site_is_answered_through_the_distribution_only(embedded_aws: EmbeddedAws, guarded: str) -> None:
    secrets, arn = embedded_aws.client("secretsmanager"), embedded_aws.outputs[Output.ORIGIN_SECRET]
    value = secrets.get_secret_value(SecretId=arn)["SecretString"]
    config = embedded_aws.client("cloudfront").get_distribution_config(Id=embedded_aws.outputs[Output.DISTRIBUTION])

    assert embedded_aws.host(guarded) in embedded_aws.aliases()
    assert sent(embedded_aws) == {HEADER: value}, "whoever writes an alias leaves the header alone"
    assert ":global/webacl/fluxion/" in config["DistributionConfig"]["WebACLId"]
    assert len(value) == 64
    assert embedded_aws.get(embedded_aws.host(guarded), **{HEADER: "a visitor's own"}).status_code == 200
    assert straight(embedded_aws, guarded) == 404
    assert straight(embedded_aws, guarded, **{HEADER: value[:-1]}) == 404
    assert straight(embedded_aws, guarded, **{HEADER: value}) == 200
    assert straight(embedded_aws, guarded, "/healthz") == 200


def test_the_secret_is_rotated_and_no_visitor_notices(embedded_aws: EmbeddedAws, guarded: str) -> None:
    """As docs/deploying.md says it."""
    secrets, arn = embedded_aws.client("secretsmanager"), embedded_aws.outputs[Output.ORIGIN_SECRET]
    before, new = sent(embedded_aws)[HEADER], "n" * 64
    with visitors(embedded_aws, [guarded]) as answers:
        version = secrets.put_secret_value(SecretId=arn, SecretString=new)["VersionId"]
        eventually(lambda: straight(embedded_aws, guarded, **{HEADER: new}) == 200, "the backend knows both")
        assert straight(embedded_aws, guarded, **{HEADER: before}) == 200
        rewrite_the_distribution(embedded_aws, OriginSecretVersion=version)
        assert sent(embedded_aws) == {HEADER: new}
        deployed = {"Delay": 1, "MaxAttempts": 60}
        waiter = embedded_aws.client("cloudfront").get_waiter("distribution_deployed")
        waiter.wait(Id=embedded_aws.outputs[Output.DISTRIBUTION], WaiterConfig=deployed)
        stages = secrets.describe_secret(SecretId=arn)["VersionIdsToStages"]
        (old,) = (each for each, stage in stages.items() if "AWSPREVIOUS" in stage)
        secrets.update_secret_version_stage(SecretId=arn, VersionStage="AWSPREVIOUS", RemoveFromVersionId=old)
        eventually(lambda: straight(embedded_aws, guarded, **{HEADER: before}) == 404, "the old one opens nothing")

    assert set(answers) == {"200"}, answers
