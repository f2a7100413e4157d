"""CloudFront: whole configurations, ETags, aliases, cache tags, invalidations."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .case import case

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_aws.tests.conformance.cloud import Cloud

certified_case = partial(case, on_aws=False, why_not="needs an issued certificate, and so a domain of the account")

DISTRIBUTION = {
    "Enabled": True,
    "Origins": [
        {"Id": "api", "DomainName": "origin.example.test", "CustomOriginConfig": {"OriginProtocolPolicy": "https-only"}}
    ],
    "DefaultCacheBehavior": {
        "TargetOriginId": "api",
        "ViewerProtocolPolicy": "redirect-to-https",
        "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
    },
    "CacheBehaviors": [
        {
            "PathPattern": "/api/*",
            "TargetOriginId": "api",
            "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
        }
    ],
    "CacheTagConfig": {"HeaderName": "Cache-Tag"},
}


class Edge:
    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.client = cloud, cloud.aws("cloudfront")
        self.base = f"{cloud.unique('base')}.test"
        made = cloud.aws("acm").request_certificate(DomainName=self.base, SubjectAlternativeNames=[f"*.{self.base}"])
        self.certificate: str = made["CertificateArn"]

    def deploy(self, *aliases: str, expect: str = "CREATE_COMPLETE") -> str:
        """A distribution made by CloudFormation. Returns its id, or the reason why the stack failed."""
        stacks, name = self.cloud.aws("cloudformation"), self.cloud.unique("stack")
        config = {**DISTRIBUTION, "Aliases": list(aliases)}
        if aliases:
            config["ViewerCertificate"] = {"AcmCertificateArn": self.certificate, "SslSupportMethod": "sni-only"}
        resource = {"Type": "AWS::CloudFront::Distribution", "Properties": {"DistributionConfig": config}}
        template = {"Resources": {"Edge": resource}, "Outputs": {"Id": {"Value": {"Ref": "Edge"}}}}
        stacks.create_stack(StackName=name, TemplateBody=json.dumps(template), OnFailure="DO_NOTHING")

        def settled() -> Any:
            stack = stacks.describe_stacks(StackName=name)["Stacks"][0]
            return stack if not stack["StackStatus"].endswith("IN_PROGRESS") else None

        stack = self.cloud.until(settled)
        assert stack["StackStatus"] == expect, stack
        if expect != "CREATE_COMPLETE":
            events = stacks.describe_stack_events(StackName=name)["StackEvents"]
            return " ".join(event.get("ResourceStatusReason", "") for event in events)
        return str(stack["Outputs"][0]["OutputValue"])

    def get(self, distribution: str) -> tuple[dict[str, Any], str]:
        answer = self.client.get_distribution_config(Id=distribution)
        return answer["DistributionConfig"], answer["ETag"]

    def update(self, distribution: str, change: Callable[[dict[str, Any]], None], etag: str | None = None) -> Any:
        config, current = self.get(distribution)
        change(config)
        return self.client.update_distribution(Id=distribution, DistributionConfig=config, IfMatch=etag or current)

    def alias(self, distribution: str, *names: str) -> Any:
        def add(config: dict[str, Any]) -> None:
            items = [*config["Aliases"].get("Items", ()), *names]
            config["Aliases"] = {"Quantity": len(items), "Items": items}

        return self.update(distribution, add)


@pytest.fixture
def edge(cloud: Cloud) -> Edge:
    return Edge(cloud)


@pytest.fixture(scope="module")
def distribution(cloud: Cloud) -> str:
    """One without aliases, for tests that do not change it."""
    return Edge(cloud).deploy()


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        call()
    return str(refused.value.response["Error"]["Code"])


@certified_case(
    "a distribution's configuration is complete, whoever made it: read, change, write back",
    source="CloudFront API Reference, DistributionConfig, CacheBehavior",
    bridge="cloudfront.configuration",
)
def test_a_configuration_made_by_cloudformation_round_trips(edge: Edge) -> None:
    distribution = edge.deploy(f"*.{edge.base}")
    before, _ = edge.get(distribution)
    edge.update(distribution, lambda config: None)
    after, _ = edge.get(distribution)
    assert after == before
    assert before["Origins"]["Items"][0]["CustomOriginConfig"]["HTTPSPort"] == 443
    assert before["CacheBehaviors"]["Items"][0]["AllowedMethods"]["CachedMethods"]["Quantity"] == 2


@case(
    "CacheTagConfig is kept by CloudFormation, CreateDistribution and UpdateDistribution",
    source="CloudFront API Reference, DistributionConfig, CacheTagConfig",
    bridge="cloudfront.configuration",
)
def test_the_cache_tag_header_is_kept_on_every_path(edge: Edge) -> None:
    distribution = edge.deploy()
    assert edge.get(distribution)[0]["CacheTagConfig"] == {"HeaderName": "Cache-Tag"}
    edge.update(distribution, lambda config: config.update(CacheTagConfig={"HeaderName": "X-Tags"}))
    assert edge.get(distribution)[0]["CacheTagConfig"] == {"HeaderName": "X-Tags"}
    config = {**edge.get(distribution)[0], "CallerReference": edge.cloud.unique("ref")}
    made = edge.client.create_distribution(DistributionConfig=config)["Distribution"]["DistributionConfig"]
    assert made["CacheTagConfig"] == {"HeaderName": "X-Tags"}


@case(
    "an update needs the current ETag: PreconditionFailed with a stale one, InvalidIfMatchVersion without",
    source="CloudFront API Reference, UpdateDistribution, Errors",
    bridge=None,
)
def test_a_stale_or_missing_etag_is_refused(edge: Edge) -> None:
    distribution = edge.deploy()
    config, stale = edge.get(distribution)
    edge.update(distribution, lambda config: config.update(Comment="newer"))
    update = edge.client.update_distribution
    assert code_of(lambda: update(Id=distribution, DistributionConfig=config, IfMatch=stale)) == "PreconditionFailed"
    assert code_of(lambda: update(Id=distribution, DistributionConfig=config)) == "InvalidIfMatchVersion"
    assert edge.get(distribution)[0]["Comment"] == "newer"


@certified_case(
    "an alias lives on one distribution only (CNAMEAlreadyExists), also for CloudFormation; a wildcard may overlap",
    source="CloudFront API Reference, UpdateDistribution, CNAMEAlreadyExists",
    bridge="cloudfront.distributions",
)
def test_an_alias_lives_on_one_distribution_only(edge: Edge) -> None:
    first, second = edge.deploy(f"one.{edge.base}"), edge.deploy(f"two.{edge.base}")
    assert code_of(lambda: edge.alias(second, f"ONE.{edge.base}")) == "CNAMEAlreadyExists"
    assert "CNAMEAlreadyExists" in edge.deploy(f"one.{edge.base}", expect="CREATE_FAILED")
    edge.alias(second, f"*.{edge.base}")  # a wildcard that overlaps is no duplicate
    edge.alias(first, f"three.{edge.base}")
    assert edge.get(first)[0]["Aliases"]["Quantity"] == 2


@certified_case(
    "an alias that the certificate does not cover is InvalidViewerCertificate",
    source="CloudFront Developer Guide, Requirements for using alternate domain names",
    bridge="cloudfront.distributions",
)
def test_an_alias_needs_a_certificate_that_covers_it(edge: Edge) -> None:
    bare, covered = edge.deploy(), edge.deploy(f"four.{edge.base}")
    assert code_of(lambda: edge.alias(bare, f"five.{edge.base}")) == "InvalidViewerCertificate"
    assert code_of(lambda: edge.alias(covered, f"a.b.{edge.base}")) == "InvalidViewerCertificate"
    assert code_of(lambda: edge.alias(covered, "example.org")) == "InvalidViewerCertificate"


@certified_case(
    "the 101st alias of a distribution is TooManyDistributionCNAMEs",
    source="CloudFront Developer Guide, Quotas, Alternate domain names per distribution",
    bridge="cloudfront.distributions",
)
def test_a_distribution_has_a_hundred_aliases_at_most(edge: Edge) -> None:
    distribution = edge.deploy(*(f"cap{number}.{edge.base}" for number in range(100)))
    assert code_of(lambda: edge.alias(distribution, f"cap100.{edge.base}")) == "TooManyDistributionCNAMEs"


@case(
    "a distribution that was changed is InProgress until it is deployed",
    source="CloudFront API Reference, GetDistribution, Status",
    bridge="cloudfront.distributions",
    still_different="2 s here, minutes on AWS.",
    on_aws=False,
    why_not="waits half a second for a deployment that takes minutes",
)
def test_a_change_is_in_progress_until_it_is_deployed(edge: Edge) -> None:
    distribution = edge.deploy()
    edge.update(distribution, lambda config: config.update(Comment="changed"))
    status = lambda: edge.client.get_distribution(Id=distribution)["Distribution"]["Status"]  # noqa: E731
    assert status() == "InProgress"
    time.sleep(0.5)
    assert status() == "Deployed"


def invalidate(edge: Edge, distribution: str, *items: str, reference: str | None = None) -> Any:
    batch = {
        "Paths": {"Quantity": len(items), "Items": list(items)},
        "CallerReference": reference or edge.cloud.unique("ref"),
    }
    return edge.client.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)["Invalidation"]


@case(
    "CreateInvalidation takes paths, and tags that begin with #",
    source="CloudFront Developer Guide, Invalidate files, cache tags",
    bridge=None,
)
def test_an_invalidation_takes_paths_and_tags(edge: Edge, distribution: str) -> None:
    made = invalidate(edge, distribution, "#shop:apple", "/api/*")
    read = edge.client.get_invalidation(DistributionId=distribution, Id=made["Id"])["Invalidation"]
    assert sorted(read["InvalidationBatch"]["Paths"]["Items"]) == ["#shop:apple", "/api/*"]


@case(
    "what is neither a path nor a tag is InvalidArgument",
    source="CloudFront Developer Guide, Invalidate files, cache tags",
    bridge="cloudfront.distributions",
)
@pytest.mark.parametrize("item", ["api/offer", "shop:apple", "#", "#shop:*", "#" + "x" * 257, "/a*b"])
def test_other_items_are_refused(edge: Edge, distribution: str, item: str) -> None:
    assert code_of(lambda: invalidate(edge, distribution, item)) == "InvalidArgument"
    invalidate(edge, distribution, "#" + "x" * 256)


@case(
    "the same CallerReference with the same items returns the earlier invalidation; with others it is refused",
    source="CloudFront API Reference, InvalidationBatch, CallerReference",
    bridge=None,
)
def test_the_same_reference_and_items_return_the_earlier_invalidation(edge: Edge, distribution: str) -> None:
    first = invalidate(edge, distribution, "#a", "#b", reference="once")
    assert invalidate(edge, distribution, "#a", "#b", reference="once")["Id"] == first["Id"]
    with pytest.raises(ClientError):
        invalidate(edge, distribution, "#c", reference="once")


@case(
    "an invalidation is InProgress, then Completed",
    source="CloudFront API Reference, Invalidation, Status",
    bridge="cloudfront.invalidations",
    still_different="The edge has it at once; 2 s until it is Completed here, up to minutes on AWS.",
    on_aws=False,
    why_not="waits half a second for what takes minutes",
)
def test_an_invalidation_takes_time(edge: Edge, distribution: str) -> None:
    made = invalidate(edge, distribution, "/slow")
    assert made["Status"] == "InProgress"
    time.sleep(0.5)
    assert edge.client.get_invalidation(DistributionId=distribution, Id=made["Id"])["Invalidation"]["Status"] == (
        "Completed"
    )


@case(
    "more than 15 wildcards or 3,000 files under way are TooManyInvalidationsInProgress; what is done counts no more",
    source="CloudFront Developer Guide, Quotas on invalidations; CreateInvalidation, TooManyInvalidationsInProgress",
    bridge="cloudfront.invalidations",
    still_different="AWS is said to count by the second in newer accounts.",
    on_aws=False,
    why_not="waits half a second for what takes minutes",
)
def test_invalidations_under_way_are_limited(edge: Edge) -> None:
    distribution = edge.deploy()
    invalidate(edge, distribution, *(f"/a{number}/*" for number in range(15)))
    too_many = "TooManyInvalidationsInProgress"
    assert code_of(lambda: invalidate(edge, distribution, "/b/*")) == too_many
    invalidate(edge, distribution, "/b")
    assert code_of(lambda: invalidate(edge, distribution, *(f"/{number}" for number in range(3000)))) == too_many
    time.sleep(0.5)
    invalidate(edge, distribution, "/b/*")
