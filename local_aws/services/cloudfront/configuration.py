"""Complete configurations: the defaults of what was left out of a distribution.

AWS stores a complete DistributionConfig, whatever was left out, so that Get → change → Update round trips.
Stock MiniStack stores what was sent: a distribution that CloudFormation created lacks required members, and the SDK
refuses to send its configuration back.

Source: docs.aws.amazon.com/cloudfront/latest/APIReference/API_DistributionConfig.html and …/API_CacheBehavior.html.

Upstream: whole: defaults of a configuration.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element, SubElement

from ministack.services import cloudfront
from ministack.services.cloudformation import provisioners

from local_aws import patching
from local_aws.settings import Settings

Tree = dict[str, Any]
NONE: Tree = {"Quantity": "0"}
DISTRIBUTION: Tree = {
    "Aliases": NONE,
    "DefaultRootObject": "",
    "OriginGroups": NONE,
    "CacheBehaviors": NONE,
    "CustomErrorResponses": NONE,
    "Comment": "",
    "Logging": {"Enabled": "false", "IncludeCookies": "false", "Bucket": "", "Prefix": ""},
    "PriceClass": "PriceClass_All",
    "Enabled": "true",
    "ViewerCertificate": {
        "CloudFrontDefaultCertificate": "true",
        "SSLSupportMethod": "vip",
        "MinimumProtocolVersion": "TLSv1",
        "CertificateSource": "cloudfront",
    },
    "Restrictions": {"GeoRestriction": {"RestrictionType": "none", "Quantity": "0"}},
    "WebACLId": "",
    "HttpVersion": "http2",
    "IsIPV6Enabled": "false",
    "ContinuousDeploymentPolicyId": "",
    "Staging": "false",
}
ORIGIN: Tree = {
    "OriginPath": "",
    "CustomHeaders": NONE,
    "ConnectionAttempts": "3",
    "ConnectionTimeout": "10",
    "OriginShield": {"Enabled": "false"},
    "OriginAccessControlId": "",
}
CUSTOM_ORIGIN: Tree = {
    "HTTPPort": "80",
    "HTTPSPort": "443",
    "OriginSslProtocols": {"Quantity": "2", "Items": {"SslProtocol": ["TLSv1.1", "TLSv1.2"]}},
    "OriginReadTimeout": "30",
    "OriginKeepaliveTimeout": "5",
}
BEHAVIOUR: Tree = {
    "TrustedSigners": {"Enabled": "false", "Quantity": "0"},
    "TrustedKeyGroups": {"Enabled": "false", "Quantity": "0"},
    "AllowedMethods": {"Quantity": "2", "Items": {"Method": ["HEAD", "GET"]}},
    "SmoothStreaming": "false",
    "Compress": "false",
    "LambdaFunctionAssociations": NONE,
    "FunctionAssociations": NONE,
    "FieldLevelEncryptionId": "",
    "GrpcConfig": {"Enabled": "false"},
}
CACHED_METHODS: Tree = {"CachedMethods": {"Quantity": "2", "Items": {"Method": ["HEAD", "GET"]}}}


def complete(config: Element) -> Element:
    """Add what is missing to a DistributionConfig element, in place; return it without namespaces."""
    cloudfront._strip_namespace(config)
    _fill(config, DISTRIBUTION)
    for origin in config.findall("Origins/Items/Origin"):
        _fill(origin, ORIGIN)
        for custom in origin.findall("CustomOriginConfig"):
            _fill(custom, CUSTOM_ORIGIN)
    for behaviour in (*config.findall("DefaultCacheBehavior"), *config.findall("CacheBehaviors/Items/CacheBehavior")):
        _fill(behaviour, BEHAVIOUR)
        for methods in behaviour.findall("AllowedMethods"):
            _fill(methods, CACHED_METHODS)
    for viewer in config.findall("ViewerCertificate"):
        if viewer.find("ACMCertificateArn") is not None:
            arn = viewer.findtext("ACMCertificateArn", "")
            _fill(viewer, {"CloudFrontDefaultCertificate": "false", "Certificate": arn, "CertificateSource": "acm"})
    return config


def _fill(parent: Element, defaults: Tree) -> None:
    for tag, default in defaults.items():
        if parent.find(tag) is None:
            _add(parent, tag, default)


def _add(parent: Element, tag: str, content: Any) -> None:
    for item in content if isinstance(content, list) else [content]:
        element = SubElement(parent, tag)
        if isinstance(item, dict):
            for child, value in item.items():
                _add(element, child, value)
        else:
            element.text = item


def install(settings: Settings) -> None:
    def from_template(original: Any) -> Any:
        return lambda props, caller_reference: complete(original(props, caller_reference))

    def from_wire(original: Any) -> Any:
        def parse(root: Any) -> Any:
            config, tags = original(root)
            return (complete(config) if config is not None and len(config) else config), tags

        return parse

    patching.replace(provisioners, "_cf_distribution_config", from_template, "_cf._distribution_config_xml(")
    patching.replace(cloudfront, "_unwrap_distribution_create_xml", from_wire, "DistributionConfigWithTags")
    cloudfront._bridge_complete = complete
    patching.edit(
        cloudfront,
        "_update_distribution",
        ("    new_etag = new_uuid()\n", "    _bridge_complete(config_el)\n    new_etag = new_uuid()\n"),
    )
