"""A distribution as the edge locations have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DistributionView:
    """A distribution as the edge locations have it.

    origins, behaviours, default_behaviour: MiniStack's `parse_distribution_dataplane_config` shapes, e.g. origin
    `{id, domain_name, origin_path, custom_headers, s3_bucket, https_port, protocol_policy, ...}`, behaviour
    `{path_pattern, target_origin_id, viewer_protocol_policy, allowed_methods, cache_policy_id,
    origin_request_policy_id, response_headers_policy_id, functions}`.
    """

    id: str
    domain_name: str
    aliases: tuple[str, ...]
    enabled: bool
    origins: Mapping[str, Mapping[str, Any]]
    default_behaviour: Mapping[str, Any]
    behaviours: tuple[Mapping[str, Any], ...]
    """In order of precedence, without the default one."""
    default_root_object: str
    error_caching_seconds: Mapping[int, int]
    """HTTP status -> ErrorCachingMinTTL; a status that is absent is cached for CloudFront's 10 s."""
    certificate_names: tuple[str, ...]
    """Domain name and alternative names of the ACM certificate; empty: `*.cloudfront.net` only."""
    cache_tag_header: str | None
    """CacheTagConfig.HeaderName, lower case; None: objects of this distribution carry no tags."""
    record: Mapping[str, Any] = field(repr=False, default_factory=dict)
    """The MiniStack record of this (deployed) configuration, as `cloudfront.handle_viewer_request` takes it."""
