"""AWS is called through these clients, and its refusals become errors of this package."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from tenancy.domain.errors import AccessDenied, RequestRefused, ServiceThrottled, ServiceUnavailable, TenancyError

# Retrying has one layer: for reads and for the control plane's own tables it is botocore, quickly; for the contended
# systems (Route 53, CloudFront) it is ``batching`` while they are busy, and the state's Retry for everything else,
# because a hidden retry would spend the shared quota twice.
_PATIENT = Config(
    retries={"mode": "standard", "total_max_attempts": 4},
    connect_timeout=5,
    read_timeout=20,
    max_pool_connections=20,  # more than any function has threads
)
_ONCE = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=5, read_timeout=60)
# For work that a queue brings back in seconds: a call ends within 7 s, well before the invocation does.
_IMPATIENT = Config(retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=2, read_timeout=5)

AT_ONCE = 8  # calls of one batch: a thousand tenants' intents are 40 calls, which would take half a second in a row

_THROTTLED = {
    "ExecutionLimitExceeded",
    "KMSThrottling",
    "KmsThrottled",
    "KmsThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "Throttled",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "TransactionInProgressException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}


@cache
def client(service: str, *, contended: bool = False, impatient: bool = False) -> Any:
    """Return the one client of a service in this process.

    Making it costs some ten milliseconds of processor time, and is not safe in several threads at once. So objects ask
    for theirs in their constructors, which run before a function's first invocation.

    contended: without retries of botocore's own. impatient: that too, and without waiting for long.
    """
    config = _IMPATIENT if impatient else _ONCE if contended else _PATIENT
    return boto3.client(service, config=config)  # type: ignore[call-overload]


@contextmanager
def calls(what: str, known: Mapping[str, type[TenancyError]] | None = None) -> Iterator[None]:
    """Turn refusals of AWS inside the block into errors of this package.

    what:  who was asked, for the message: ``Route 53``.
    known: error codes that mean something particular here.
    """
    try:
        yield
    except ClientError as error:
        raise translated(error, what, known) from error
    except (NoConnection, HTTPClientError) as error:
        raise ServiceUnavailable(f"{what} did not answer: {error}") from error


def translated(error: ClientError, what: str, known: Mapping[str, type[TenancyError]] | None = None) -> TenancyError:
    """Return the error of this package that a refusal means, with the service's own message."""
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
    if code in (known or {}):
        kind = (known or {})[code]
    elif code in _THROTTLED:
        kind = ServiceThrottled
    elif code in _DENIED:
        kind = AccessDenied
    elif status >= 500 or code in ("InternalError", "InternalFailure", "InternalServerError", "ServiceUnavailable"):
        kind = ServiceUnavailable
    else:
        kind = RequestRefused
    return kind(f"{what} answered {code} to {error.operation_name}: {message}")


def at_once[Part, Found](work: Callable[[Part], Found], parts: Iterable[Part]) -> list[Found]:
    """Work on all parts, some at a time. Returns the results in their order; raises what any part raises."""
    some = list(parts)
    if len(some) == 1:
        return [work(some[0])]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, some))
