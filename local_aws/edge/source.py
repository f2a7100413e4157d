"""The requests of the edge to the control plane: distributions, policies, objects of buckets."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from local_aws.edge.policies import Headers
from local_aws.propagation import Change
from local_aws.services.cloudfront.view import DistributionView

Object = tuple[int, Headers, bytes]
"""Status, header fields and body of a bucket's answer."""


class Source(Protocol):
    """The control plane as the edge sees it. Every method may be called from any thread."""

    def distributions(self) -> list[DistributionView]:
        """Return the distributions that have reached the edge, as they are there now."""

    def on_change(self, callback: Callable[[Change], None]) -> None:
        """Call `callback` for each accepted change, invalidations included."""

    def cache_policy(self, policy_id: str | None) -> Mapping[str, Any] | None:
        """Return a managed or custom policy's configuration; None if there is none.

        `{Name, MinTTL, DefaultTTL, MaxTTL, Parameters: {HeaderBehavior, Headers, CookieBehavior, Cookies,
        QueryStringBehavior, QueryStrings, ...}}`, TTLs in seconds.
        """

    def origin_request_policy(self, policy_id: str | None) -> Mapping[str, Any] | None:
        """Return `{HeaderBehavior, Headers, CookieBehavior, Cookies, QueryStringBehavior, QueryStrings}`."""

    def response_headers_policy(self, policy_id: str | None) -> Mapping[str, Any] | None:
        """Return `{CustomHeaders, Security, RemoveHeaders}`."""

    def function_code(self, function_arn: str) -> str | None:
        """Return the published program of a CloudFront Function; None if there is none."""

    def error_pages(self, distribution: DistributionView) -> Mapping[int, Mapping[str, Any]]:
        """Return, by status of the origin, `{page, response_code}`."""

    def bucket_object(
        self, distribution: DistributionView, origin: Mapping[str, Any], method: str, path: str, headers: Headers
    ) -> Object:
        """Read from an S3 origin, as its bucket policy allows it to this distribution. Blocks."""
