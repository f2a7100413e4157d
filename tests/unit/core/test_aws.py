"""What AWS's refusals mean here."""

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from botocore.session import get_session

from tenancy.domain.errors import (
    AccessDenied,
    RequestRefused,
    ServiceThrottled,
    ServiceUnavailable,
    TenancyError,
    ZoneBusy,
)
from tenancy.platform import aws

from .fakes import refused


@pytest.mark.parametrize(
    ("code", "status", "error"),
    [
        ("Throttling", 400, ServiceThrottled),
        ("ThrottlingException", 400, ServiceThrottled),
        ("TooManyRequestsException", 429, ServiceThrottled),
        ("ExecutionLimitExceeded", 400, ServiceThrottled),
        ("AccessDenied", 403, AccessDenied),
        ("AccessDeniedException", 400, AccessDenied),
        ("InternalServerError", 500, ServiceUnavailable),
        ("SomethingNew", 503, ServiceUnavailable),
        ("SomethingNew", 400, RequestRefused),
        ("PriorRequestNotComplete", 400, ZoneBusy),
    ],
)
def test_a_refusal_has_a_name_of_ours_and_the_words_of_aws(code: str, status: int, error: type[TenancyError]) -> None:
    with (
        pytest.raises(error, match=f"Route 53 answered {code} to Change: because") as caught,
        aws.calls("Route 53", {"PriorRequestNotComplete": ZoneBusy}),
    ):
        raise refused("Change", code, "because", status)

    assert type(caught.value) is error


def throttling_codes() -> set[str]:
    """Error codes by which a service of ours asks for fewer calls, as its model has them."""
    found = set()
    for service in ("cloudfront", "dynamodb", "events", "route53", "secretsmanager", "sns", "sqs", "stepfunctions"):
        for shape in get_session().get_service_model(service).error_shapes:
            code = shape.metadata.get("error", {}).get("code") or shape.name
            if "throttl" in f"{shape.name} {code}".lower() or shape.name.startswith("RequestLimit"):
                found.add(str(code))
    return found


@pytest.mark.parametrize("code", sorted(throttling_codes()))
def test_whatever_a_service_calls_it_throttling_is_throttling(code: str) -> None:
    with pytest.raises(ServiceThrottled), aws.calls("AWS"):
        raise refused("Change", code, "slower")


@pytest.mark.parametrize("silence", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_no_answer_is_no_verdict(silence: type[Exception]) -> None:
    with pytest.raises(ServiceUnavailable, match="Route 53 did not answer"), aws.calls("Route 53"):
        raise silence(endpoint_url="https://aws.example", error="silence")


def test_errors_of_others_pass_through() -> None:
    with pytest.raises(ZeroDivisionError), aws.calls("Route 53"):
        raise ZeroDivisionError


def test_calls_at_once_give_their_answers_in_order_or_an_error() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise ServiceUnavailable("no answer")
        return -number

    assert aws.at_once(work, [2, 1, 7]) == [-2, -1, -7]
    assert aws.at_once(work, []) == []
    with pytest.raises(ServiceUnavailable):
        aws.at_once(work, range(10))
