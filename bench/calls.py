"""Read from the embedded AWS's trace what a burst asked AWS for."""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from local.stack import Stack

CONTENDED = ("route53", "cloudfront")
_LATE_SECONDS = 0.3  # local_aws.gateway.trace writes a little late
_ADMINISTRATOR = "administrator"


@dataclass
class Calls:
    """The product's calls in order; those of the benchmark itself are left out."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def of(self, *services: str) -> Counter[str]:
        """Return how often each operation of these services was asked for, whatever came of it."""
        return Counter(line["operation"] for line in self.lines if line["service"] in services)

    def throttled(self) -> int:
        """Return the calls that a quota of the account refused."""
        return sum("quota" in line for line in self.lines)

    def by(self, function: str) -> list[dict[str, Any]]:
        """Return the calls of one function, named as its role is: `CdnAliases`."""
        return [line for line in self.lines if line["principal"].startswith(f"fluxion-{function}Role")]


@contextmanager
def calls_of(stack: Stack) -> Iterator[Calls]:
    """Collect the calls that happen inside; they are there when it is over."""
    path = stack.state_dir / "trace.jsonl"
    time.sleep(_LATE_SECONDS)
    start = path.stat().st_size
    found = Calls()
    yield found
    time.sleep(_LATE_SECONDS)
    with path.open() as file:
        file.seek(start)
        lines = [json.loads(line) for line in file]
    found.lines += [line for line in lines if line["principal"] != _ADMINISTRATOR]


def invocations(lines: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return a writer's calls by invocation: each begins by reading what its requests are about."""
    found: list[list[dict[str, Any]]] = []
    reading = False
    for line in lines:
        if line["operation"] == "BatchGetItem" and not reading:
            found.append([])
        reading = line["operation"] == "BatchGetItem"
        if found:
            found[-1].append(line)
    return found
