"""How services say no: to the product's own calls, and to those that Step Functions makes for a state."""

from collections.abc import Mapping
from typing import Any


class Refused(Exception):
    """An error answer of AWS. ``more``: further members of the answer, such as CancellationReasons."""

    def __init__(self, code: str, message: str = "", status: int = 400, **more: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.more = code, message or f"{code} (injected)", status, more


# (code, HTTP status) by service as boto3 names it: each service's API reference, common or service errors.
THROTTLED = {
    "cloudfront": ("Throttling", 400),
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "events": ("ThrottlingException", 400),
    "route53": ("Throttling", 400),
    "s3": ("SlowDown", 503),
    "secretsmanager": ("ThrottlingException", 400),
    "sns": ("Throttling", 400),
    "sqs": ("RequestThrottled", 403),
    "stepfunctions": ("ThrottlingException", 400),
}
BROKEN = {
    "cloudfront": ("ServiceUnavailable", 503),
    "dynamodb": ("InternalServerError", 500),
    "events": ("InternalException", 500),
    "route53": ("ServiceUnavailable", 503),
    "s3": ("InternalError", 500),
    "secretsmanager": ("InternalServiceError", 500),
    "sns": ("InternalError", 500),
    "sqs": ("InternalError", 500),
    "stepfunctions": ("ServiceUnavailable", 503),
}
# What a task of a state machine fails with: integrations' own names (Step Functions, handling errors).
OF_TASKS = {
    ("lambda", "throttle"): "Lambda.TooManyRequestsException",
    ("lambda", "5xx"): "Lambda.ServiceException",
    ("lambda", "timeout-before"): "Lambda.SdkClientException",
    ("lambda", "timeout-after"): "Lambda.SdkClientException",
    ("dynamodb", "throttle"): "DynamoDb.ProvisionedThroughputExceededException",
    ("dynamodb", "5xx"): "DynamoDb.InternalServerErrorException",
    ("dynamodb", "timeout-before"): "DynamoDb.SdkClientException",
    ("dynamodb", "timeout-after"): "DynamoDb.SdkClientException",
}
_STATUS = {
    "AccessDenied": 403,
    "CNAMEAlreadyExists": 409,
    "NoSuchBucket": 404,
    "PreconditionFailed": 412,
    "TooManyInvalidationsInProgress": 400,
}


def refusal_of(service: str, what: str, message: str, operations: int) -> Refused:
    """The answer that a kind of fault, or a code of the service, means.

    A cancelled transaction names its reason behind a colon; it stands at the first of the ``operations``.
    """
    if what == "throttle":
        code, status = THROTTLED[service]
        return Refused(code, "Rate exceeded", status)
    if what == "5xx":
        code, status = BROKEN[service]
        return Refused(code, "Internal failure. Please try your request again.", status)
    code, _, reason = what.partition(":")
    if reason:
        reasons = [{"Code": reason}] + [{"Code": "None"}] * (operations - 1)
        return Refused(code, f"Transaction cancelled [{reason}]", CancellationReasons=reasons)
    return Refused(code, message, _STATUS.get(code, 400))


def known_only(params: Mapping[str, Any], *names: str) -> None:
    """A parameter that nobody here thought of is no reason to pass."""
    if unknown := sorted(set(params) - set(names)):
        raise NotImplementedError(f"parameters {', '.join(unknown)} are not known here")
