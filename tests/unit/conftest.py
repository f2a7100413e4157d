"""Unit tests have no network: a test that opens a socket fails, by name."""

import os
from collections.abc import Iterator

import pytest
import pytest_socket

# Powertools reads these once, when tenancy.handlers is imported; the template sets them for every function.
os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "fluxion")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Fluxion")
os.environ.setdefault("POWERTOOLS_TRACE_DISABLED", "true")


@pytest.fixture(autouse=True)
def no_network() -> Iterator[None]:
    """Unix sockets stay: event loops wake themselves through a pair of them."""
    pytest_socket.disable_socket(allow_unix_socket=True)
    yield
    pytest_socket.enable_socket()
