"""Choose the distribution for a Host and the behaviour for a path. Values in, values out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from local_aws.services.cloudfront.view import DistributionView


def hostname(host: str) -> str:
    """Return the name in a Host header: lower case, without port and final dot. Of an IPv6 literal, the part in
    brackets.
    """
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].removesuffix(".")


def covers(pattern: str, name: str) -> bool:
    """Return whether an alias or a certificate name covers `name`: equal, or `*.x` and exactly one label more than
    x.
    """
    if pattern.startswith("*."):
        label, dot, parent = name.partition(".")
        return bool(label and dot) and parent == pattern[2:]
    return pattern == name


class HostTable:
    """A table of distributions by the names that they answer for; built once per set of deployed distributions."""

    def __init__(self, distributions: Sequence[DistributionView]) -> None:
        self._by_name: dict[str, DistributionView] = {}
        for distribution in distributions:
            for name in (distribution.domain_name, *distribution.aliases):
                self._by_name.setdefault(name, distribution)

    def find(self, host: str) -> DistributionView | None:
        """Return the enabled distribution for a Host or SNI value, or None: the exact alias wins over the wildcard."""
        name = hostname(host)
        parent = name.partition(".")[2]
        distribution = self._by_name.get(name) or (self._by_name.get(f"*.{parent}") if parent else None)
        return distribution if distribution is not None and distribution.enabled else None


def behaviour_for(distribution: DistributionView, path: str) -> Mapping[str, Any]:
    """Return the first behaviour whose path pattern matches, else the default one. Patterns are case-sensitive."""
    for behaviour in distribution.behaviours:
        if _pattern(behaviour["path_pattern"]).fullmatch(path):
            return behaviour
    return distribution.default_behaviour


@lru_cache(maxsize=256)
def _pattern(pattern: str) -> re.Pattern[str]:
    # CloudFront takes `images/*` and `/images/*` for the same pattern.
    text = pattern if pattern.startswith("/") else f"/{pattern}"
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(char) or re.escape(char) for char in text), re.DOTALL)


def best_certificate(name: str | None, certificates: Iterable[tuple[str, ...]]) -> tuple[str, ...] | None:
    """Return the one of several certificates' name lists that covers an SNI name; None if none does."""
    if not name:
        return None
    wanted = hostname(name)
    return next((names for names in certificates if any(covers(pattern, wanted) for pattern in names)), None)
