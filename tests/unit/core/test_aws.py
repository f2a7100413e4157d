"""What AWS's refusals mean here."""

import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from tenancy import aws
from tenancy.errors import (
    AccessDenied,
    RequestRefused,
    ServiceThrottled,
    ServiceUnavailable,
    TenancyError,
    ZoneBusy,
)

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
