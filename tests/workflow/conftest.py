"""One embedded AWS for all workflow tests: built, deployed and torn down once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.stack import Stack

from .embedded import EmbeddedAws

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def embedded_aws() -> Iterator[EmbeddedAws]:
    """The shipped templates on the embedded AWS, IAM enforced."""
    for number in range(1, 100):
        state = ROOT / ".local" / f"test-{number}"
        if not (state / "env").exists():
            break
    stack = Stack(ROOT, state, detached=False)
    environment = stack.up()
    try:
        yield EmbeddedAws(environment, stack.outputs)
    finally:
        stack.down()
