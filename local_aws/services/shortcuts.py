"""Do work once that MiniStack repeats in every call: same answers, sooner.

A burst of thirty thousand calls is answered by one thread. MiniStack parses the role's policies
in each call three times, a distribution's whole configuration once for every alias in an update (a million times for a
thousand aliases), and copies items with a general deep copy, which is ten times slower than one for JSON.
"""

from __future__ import annotations

import copy
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from local_aws import patching

_LEAVES = (str, int, float, bool, bytes, type(None))


def copied(value: Any) -> Any:
    """Return a deep copy of what JSON can hold; anything else goes to `copy.deepcopy`."""
    kind = type(value)
    if kind in _LEAVES:
        return value
    if kind is dict:
        return {name: copied(part) for name, part in value.items()}
    if kind is list:
        return [copied(part) for part in value]
    return copy.deepcopy(value)


def _parse_policy_document(original: Any) -> Any:
    parsed = lru_cache(maxsize=1024)(original)
    return lambda document: list(parsed(document)) if isinstance(document, str) else original(document)


def _get_distribution_aliases(original: Any) -> Any:
    @lru_cache(maxsize=64)
    def aliases(config_xml: str) -> tuple[str, ...]:
        return tuple(original({"config_xml": config_xml}))

    return lambda distribution: list(aliases(distribution.get("config_xml") or ""))


def install() -> None:
    from ministack.core import iam_evaluator
    from ministack.services import cloudfront, dynamodb

    patching.replace(
        iam_evaluator, "parse_policy_document", _parse_policy_document, "doc = json.loads(doc)", "ParsedStatement("
    )
    patching.replace(
        cloudfront, "_get_distribution_aliases", _get_distribution_aliases, "config_el = _dist_config_el(dist)"
    )
    patching.replace(dynamodb, "copy", lambda _: SimpleNamespace(deepcopy=copied))
