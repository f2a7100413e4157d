"""The outbox holds what EventBridge is told, written down in the transaction that makes it true."""

import time
from typing import Any

from tenancy.domain.envelope import KEPT_DAYS, Event, mark_of
from tenancy.domain.events import TYPES, Ending, TenantPurged
from tenancy.tables.table import Request, Table, put_once


def told(event: Event) -> Request:
    """Write an event that must not be there yet."""
    tenant_id = event.metadata.tenant_id
    item = {
        "pk": f"TENANT#{tenant_id}",
        "sk": event.sort_key,
        "tenant_id": tenant_id,
        "event_id": event.metadata.id,
        "type": event.type,
        "detail": event.detail,
        "occurred_at": event.metadata.occurred_at,
        "expires_at": int(time.time()) + KEPT_DAYS * 86400,
    }
    return put_once(item)


def is_of_a_purge(item: dict[str, Any]) -> bool:
    """Return whether an item says that a tenant was purged: it outlives the next purge."""
    return item.get("type") == TenantPurged.__name__


class Outbox:
    """The events that are on record."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def has_ended(self, tenant_id: str, execution_arn: str) -> bool:
        """Return whether an execution has said how its work on the tenant ended."""
        mark = mark_of(execution_arn)
        said = self._table.items_of(f"TENANT#{tenant_id}", "EVENT#")
        return any(issubclass(TYPES[item["type"]], Ending) for item in said if item["sk"].endswith(f"#{mark}"))
