"""A client of the embedded AWS's faults: make calls go wrong on purpose, and see how often they did.

    faults = Faults(os.environ["FAULTS_URL"])
    with faults.rule("cloudfront", "UpdateDistribution", error={"code": "Throttling"}, times=3) as rule:
        ...
        assert rule.hits == 3

The fields of a rule: README.md, Faults. One process may hold several clients; rules belong to the stack.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

_TIMEOUT = 10.0
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class RuleRefused(ValueError):
    """The rule is not valid; the message names the field, its value and what to write instead."""


@dataclass(frozen=True)
class Active:
    """A rule that was added."""

    faults: "Faults"
    id: str

    @property
    def seen(self) -> int:
        """Return how many calls the rule has matched."""
        return int(self.faults.ask("GET", f"/{self.id}")["seen"])

    @property
    def hits(self) -> int:
        """Return how many calls it has struck."""
        return int(self.faults.ask("GET", f"/{self.id}")["hits"])


class Faults:
    """A client of the faults. url: what `FAULTS_URL` says."""

    def __init__(self, url: str) -> None:
        self._url = url

    def add(self, service: str = "*", operation: str = "*", **fields: Any) -> Active:
        """Add a rule that stays until it is removed. Raises RuleRefused."""
        return Active(self, self.ask("POST", "", {"service": service, "operation": operation, **fields})["id"])

    @contextmanager
    def rule(self, service: str = "*", operation: str = "*", **fields: Any) -> Iterator[Active]:
        """Keep a rule for as long as the block lasts."""
        added = self.add(service, operation, **fields)
        try:
            yield added
        finally:
            self.clear(added.id)

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules with `seen` and `hits`, oldest first."""
        return list(self.ask("GET", "")["rules"])

    def clear(self, rule_id: str | None = None) -> None:
        """Remove one rule, or all; none is no error."""
        try:
            self.ask("DELETE", f"/{rule_id}" if rule_id else "")
        except LookupError:
            return

    def ask(self, method: str, path: str, content: Any = None) -> Any:
        """Make one request; return the JSON of its answer. Raises RuleRefused, or LookupError for a rule that is not
        there.
        """
        body = None if content is None else json.dumps(content).encode()
        headers = {"Content-Type": "application/json"} if body else {}
        request = urllib.request.Request(self._url + path, body, headers, method=method)  # noqa: S310 - our own stack
        try:
            with _direct.open(request, timeout=_TIMEOUT) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                problem = json.loads(error.read() or b"{}").get("error", str(error))
            raise (LookupError if error.code == 404 else RuleRefused)(problem) from None
