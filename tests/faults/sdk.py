"""botocore without a network: real validation, serialisation and retries; each try is one crossing.

Replaced is what stands between a prepared request and a parsed response (``Endpoint._get_response``).
"""

from collections.abc import Callable, Mapping
from typing import Any

import botocore.client
import botocore.endpoint
import botocore.retries.quota
import botocore.signers
import botocore.useragent
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ReadTimeoutError

from tests.faults.clock import Clock, Patches
from tests.faults.points import NoAnswer
from tests.faults.refusals import Refused

type Ask = Callable[[str, str, Mapping[str, Any]], dict[str, Any]]
"""(service as boto3 names it, operation, parameters) → answer. Raises Refused or NoAnswer."""

_quotas: list[botocore.retries.quota.RetryQuota] = []


def install(patches: Patches, ask: Ask, clock: Clock) -> None:
    """Every client of this process asks ``ask``."""
    convert = botocore.client.BaseClient._convert_to_request_dict  # type: ignore[attr-defined]
    begin = botocore.retries.quota.RetryQuota.__init__

    def remembered(self: Any, api_params: Any, operation_model: Any, *rest: Any, **more: Any) -> Any:
        context = more.get("context") if "context" in more else rest[1]
        context["asked"] = self._service_model.service_name, operation_model.name, api_params
        return convert(self, api_params, operation_model, *rest, **more)

    def answered(self: Any, request: Any, operation_model: Any, context: Any) -> Any:
        service, operation, params = context["asked"]
        try:
            answer, status = ask(service, operation, params), 200
        except NoAnswer:
            clock.sleep(context["client_config"].read_timeout)
            return None, ReadTimeoutError(endpoint_url=request.url)
        except Refused as refused:
            answer = {"Error": {"Code": refused.code, "Message": refused.message}, **refused.more}
            status = refused.status
        answer["ResponseMetadata"] = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RequestId": "0"}
        return (AWSResponse(request.url, status, {}, None), answer), None

    def counted(self: Any, *given: Any, **more: Any) -> None:
        begin(self, *given, **more)
        _quotas.append(self)

    patches.set(botocore.client.BaseClient, "_convert_to_request_dict", remembered)
    patches.set(botocore.endpoint.Endpoint, "_get_response", answered)
    patches.set(botocore.retries.quota.RetryQuota, "__init__", counted)
    # A tenth of all time, for what nobody here reads.
    patches.set(botocore.signers.RequestSigner, "handler", lambda *_, **__: None)
    patches.set(botocore.useragent.UserAgentString, "to_string", lambda _: "fluxion")


def forget_retries() -> None:
    """Clients live as long as this process, and their retry quotas as long as a function's: full again."""
    for quota in _quotas:
        quota._available_capacity = quota._max_capacity  # type: ignore[attr-defined]
