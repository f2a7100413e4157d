"""The edge's source in the running stack: MiniStack in this process."""

from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudfront

from local_aws import propagation
from local_aws.edge.policies import Headers
from local_aws.edge.source import Object
from local_aws.propagation import Change
from local_aws.services.cloudfront.view import DistributionView
from local_aws.settings import ACCOUNT, REGION


class ControlPlane:
    """The embedded AWS in this process."""

    def distributions(self) -> list[DistributionView]:
        return propagation.all_current("distribution")

    def on_change(self, callback: Callable[[Change], None]) -> None:
        propagation.on_change(callback)

    def cache_policy(self, policy_id: str | None) -> Mapping[str, Any] | None:
        policy = _scoped(cloudfront._cache_policies.get, policy_id) or cloudfront._MANAGED_CACHE_POLICIES.get(policy_id)
        return policy["Config"] if policy else None

    def origin_request_policy(self, policy_id: str | None) -> Mapping[str, Any] | None:
        return _scoped(cloudfront.origin_request_policy_config, policy_id)

    def response_headers_policy(self, policy_id: str | None) -> Mapping[str, Any] | None:
        return _scoped(cloudfront.response_headers_policy_config, policy_id)

    def function_code(self, function_arn: str) -> str | None:
        code = _scoped(cloudfront.live_function_code, function_arn)
        return code.decode() if isinstance(code, bytes) else code

    def error_pages(self, distribution: DistributionView) -> Mapping[int, Mapping[str, Any]]:
        parsed = _scoped(cloudfront.parse_distribution_dataplane_config, distribution.record)
        pages: Mapping[int, Mapping[str, Any]] = parsed["custom_error_responses"]
        return pages

    def bucket_object(
        self, distribution: DistributionView, origin: Mapping[str, Any], method: str, path: str, headers: Headers
    ) -> Object:
        arn = distribution.record.get("ARN", "")
        status, answered, body = _scoped(cloudfront._serve_s3_origin, origin, method, path, dict(headers), arn)
        pairs = answered.items() if isinstance(answered, Mapping) else answered
        fields = [(name.lower(), str(text)) for name, text in pairs]
        return status, fields, body if isinstance(body, bytes) else str(body or "").encode()


def _scoped(function: Callable[..., Any], *arguments: Any) -> Any:
    # MiniStack's stores answer for the account of the current request; the edge's threads have none.
    if arguments == (None,):
        return None
    with request_scope(ACCOUNT, REGION):
        return function(*arguments)
