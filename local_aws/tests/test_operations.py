"""Which operation a raw request is: what the trace, the faults and the quotas call it."""

import pytest

from local_aws.gateway.operations import operation_of


@pytest.mark.parametrize(
    ("method", "path", "headers", "operation"),
    [
        ("PUT", "/archive/apple/1/manifest.json", {}, "PutObject"),
        ("PUT", "/archive/apple/1/manifest.json", {"x-amz-copy-source": "a/b"}, "CopyObject"),
        ("GET", "/archive/apple/1/manifest.json", {}, "GetObject"),
    ],
)
def test_a_put_of_an_object_is_no_copy(method: str, path: str, headers: dict[str, str], operation: str) -> None:
    assert operation_of("s3", method, path, "", headers, b"") == operation


def test_a_request_that_lacks_its_header_is_still_one_of_its_kind() -> None:
    path = "/2020-05-31/function/host"

    assert operation_of("cloudfront", "DELETE", path, "", {}, b"") == "DeleteFunction"
