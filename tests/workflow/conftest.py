"""One embedded AWS for all workflow tests: built, deployed and torn down once."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.stack import Stack, own_folder
from local_aws.client import Faults

from .embedded import EmbeddedAws

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def stack_of_its_own(**options: Any) -> Iterator[EmbeddedAws]:
    """The shipped templates on an embedded AWS, IAM enforced; options as local.stack.Stack takes them."""
    with own_folder(ROOT, "test") as state:
        stack = Stack(ROOT, state, detached=False, **options)
        environment = stack.up()
        try:
            yield EmbeddedAws(environment, stack.outputs)
        finally:
            stack.down()


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[EmbeddedAws]:
    # Nobody is taken down, or put right, while another test counts calls: who wants that asks for it.
    rarely = {"OffboardGraceSeconds": "7200", "DriftSchedule": "rate(1 day)"}
    roomy = {"AliasQuota": "500"}  # the tests' tenants together are more than a new account has room for
    with stack_of_its_own(parameters=rarely | roomy) as aws:
        yield aws


@pytest.fixture(scope="module")
def faults(embedded_aws: EmbeddedAws) -> Iterator[Faults]:
    client = Faults(embedded_aws.environment["FLUXION_FAULTS"])
    yield client
    client.clear()
