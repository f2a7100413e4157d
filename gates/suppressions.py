"""List the scanners' findings that are accepted, each with its reason. An entry that suppresses nothing fails the gate.

What concerns one resource only stands beside it, in the template's Metadata; here is what concerns a kind of resource.
"""

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Suppression:
    """An accepted finding. ``resource``: logical id, with `*` for any."""

    rule: str
    resource: str
    reason: str


CHECKOV = (
    Suppression(
        "CKV_AWS_115",
        "*",
        "Reserved concurrency would take from the account's pool for ever. The writers are one at a time by their "
        "stream, the stages are bounded by the state machine's executions.",
    ),
    Suppression(
        "CKV_AWS_116",
        "*",
        "A function's dead-letter queue serves asynchronous invocations, and there are none: Step Functions waits for "
        "the answer, and the stream and queue sources have their own OnFailure destinations.",
    ),
    Suppression(
        "CKV_AWS_117",
        "*",
        "Only functions that open tenants' files sit in the VPC. Route 53, CloudFront and the probe need the public "
        "internet, and a NAT gateway would add cost and a way out.",
    ),
    Suppression(
        "CKV2_AWS_71",
        "Certificate",
        "Tenants' hosts are one label below the base domain and come and go; the wildcard is the design (decision 9).",
    ),
)

CFN_LINT = (
    Suppression("ES6000", "*DeadLetterQueue", "It is where undeliverable messages end."),
    Suppression("ES6000", "PoisonQueue", "It is where records end that nobody can process; an alarm watches it."),
    Suppression("ES6000", "StreamFailuresQueue", "It is where records end that were given up; an alarm watches it."),
    Suppression("ES7000", "FailureTopicSubscription", "E-mail is the only subscriber; SNS retries it for an hour."),
)


class Ledger:
    """A record of which suppressions have been used."""

    def __init__(self, suppressions: Iterable[Suppression]) -> None:
        self._suppressions = tuple(suppressions)
        self._used: set[Suppression] = set()

    def accepts(self, rule: str, resource: str) -> bool:
        """Return whether a finding has a reason to be accepted."""
        matching = {s for s in self._suppressions if s.rule == rule and fnmatch.fnmatchcase(resource, s.resource)}
        self._used |= matching
        return bool(matching)

    def stale(self) -> list[str]:
        """Return the suppressions that suppress nothing."""
        return [
            f"gates/suppressions.py: {s.rule} on {s.resource} suppresses nothing: remove it"
            for s in self._suppressions
            if s not in self._used
        ]
