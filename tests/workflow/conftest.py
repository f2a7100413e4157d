"""One embedded AWS for all workflow tests: built, deployed and torn down once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import Stack, own_folder

from .embedded import EmbeddedAws

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[EmbeddedAws]:
    """The shipped templates on the embedded AWS, IAM enforced."""
    with own_folder(ROOT, "test") as state:
        # Nobody is taken down, or put right, while another test counts calls: who wants that asks for it.
        rarely = {"OffboardGraceSeconds": "7200", "DriftSchedule": "rate(1 day)"}
        roomy = {"AliasQuota": "500"}  # the tests' tenants together are more than a new account has room for
        stack = Stack(ROOT, state, detached=False, parameters=rarely | roomy)
        environment = stack.up()
        try:
            yield EmbeddedAws(environment, stack.outputs)
        finally:
            stack.down()
