"""Turn MiniStack's record of a distribution into the view that the edge has of it."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import request_scope
from ministack.services import acm, cloudfront

from local_aws.services.cloudfront.view import DistributionView
from local_aws.settings import ACCOUNT, REGION


def view(record: dict[str, Any]) -> DistributionView:
    """Return the view of a record that nothing else will change."""
    with request_scope(ACCOUNT, REGION):
        parsed = cloudfront.parse_distribution_dataplane_config(record)
        config = cloudfront._dist_config_el(record)
        tag_config = cloudfront._find(config, "CacheTagConfig")
        tag_header = cloudfront._text(tag_config, "HeaderName").lower() if tag_config is not None else ""
        return DistributionView(
            id=record["Id"],
            domain_name=record["DomainName"].lower(),
            aliases=tuple(alias.lower() for alias in cloudfront._get_distribution_aliases(record)),
            enabled=bool(record["enabled"]),
            origins=parsed["origins"],
            default_behaviour=parsed["default_behavior"] or {},
            behaviours=tuple(parsed["ordered_behaviors"]),
            default_root_object=parsed["default_root_object"],
            error_caching_seconds=_error_caching(config),
            certificate_names=_certificate_names(config),
            cache_tag_header=tag_header or None,
            record=record,
        )


def certificate_names(certificate_arn: str) -> tuple[str, ...]:
    """Return the domain name and alternative names, lower case, of an ACM certificate; empty if it is unknown."""
    for (_, _, arn), certificate in list(acm._certificates._data.items()):
        if arn == certificate_arn:
            names = (certificate["DomainName"], *certificate.get("SubjectAlternativeNames", ()))
            return tuple(dict.fromkeys(name.lower() for name in names))
    return ()


def _certificate_names(config: Any) -> tuple[str, ...]:
    viewer = cloudfront._find(config, "ViewerCertificate")
    return certificate_names(cloudfront._text(viewer, "ACMCertificateArn")) if viewer is not None else ()


def _error_caching(config: Any) -> dict[int, int]:
    responses = cloudfront._find(config, "CustomErrorResponses")
    items = cloudfront._find(responses, "Items") if responses is not None else None
    return {
        int(cloudfront._text(item, "ErrorCode")): int(cloudfront._text(item, "ErrorCachingMinTTL") or 10)
        for item in (items if items is not None else ())
    }
