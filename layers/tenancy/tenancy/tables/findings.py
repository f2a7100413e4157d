"""Findings are what the last scan has found not to be as it is on record."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tenancy.domain.drift import Finding, Kind
from tenancy.platform.dynamodb_values import typed
from tenancy.tables.table import Request, Table, delete, key, put

_DRIFT = "DRIFT"
_WRITTEN_AT_ONCE = 25  # BatchWriteItem: API reference, request limits


@dataclass(frozen=True)
class Known:
    """A finding of an earlier scan. since: of the first one. is_reported: whether an event has told of it."""

    finding: Finding
    since: str
    is_reported: bool = False


def remembered(known: Known) -> Request:
    """Write a finding down."""
    return put(_item(known))


def dismissed(known: Known) -> Request:
    """Forget a finding."""
    return delete(_key(known))


class Findings:
    """What is remembered from one scan to the next."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def known(self) -> dict[str, Known]:
        """Return what earlier scans have found and no later one has missed, by key."""
        items = self._table.items_of(_DRIFT)
        found = ((Finding(Kind(item["kind"]), item["tenant_id"], item["what"]), item) for item in items)
        return {finding.key: Known(finding, item["since"], item["is_reported"]) for finding, item in found}

    def note(self, found: Iterable[Known], gone: Iterable[Known]) -> None:
        """Remember findings, and forget others: 25 a call."""
        puts = [{"PutRequest": {"Item": typed(_item(known))}} for known in found]
        deletions = [{"DeleteRequest": {"Key": _key(known)}} for known in gone]
        for requests in itertools.batched([*puts, *deletions], _WRITTEN_AT_ONCE, strict=False):
            self._table.write_all(requests)


def _key(known: Known) -> dict[str, Any]:
    return key(_DRIFT, known.finding.key)


def _item(known: Known) -> dict[str, Any]:
    finding = known.finding
    return {
        "pk": _DRIFT,
        "sk": finding.key,
        "kind": str(finding.kind),
        "tenant_id": finding.tenant_id,
        "what": finding.what,
        "since": known.since,
        "is_reported": known.is_reported,
    }
