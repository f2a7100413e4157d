"""A claim says who holds a name, and with it all names that look like it."""

from datetime import datetime
from typing import Any

from tenancy.domain.record import TenantRecord
from tenancy.platform import clock
from tenancy.platform.dynamodb_values import typed
from tenancy.tables.table import ABSENT, Request, Table, key

_KEPT_SECONDS = 86_400  # after a claim that was given back has lost its meaning


def claimed(skeleton: str, tenant_id: str) -> Request:
    """Claim a name, or keep it, unless another tenant holds it."""
    return {
        "Put": {
            "Item": typed({"pk": f"CLAIM#{skeleton}", "sk": "CLAIM", "tenant_id": tenant_id, "at": clock.now()}),
            "ConditionExpression": f"{ABSENT} OR tenant_id = :tenant_id OR free_at <= :now",
            "ExpressionAttributeValues": typed({":tenant_id": tenant_id, ":now": clock.now()}),
        }
    }


def released(skeleton: str, tenant_id: str, free_at: str | None) -> Request:
    """Give a name back: at once, or so that only the same tenant can claim it until it is free for all."""
    if free_at:
        request = claimed(skeleton, tenant_id)
        expires_at = int(datetime.fromisoformat(free_at).timestamp()) + _KEPT_SECONDS
        request["Put"]["Item"].update(typed({"free_at": free_at, "expires_at": expires_at}))
        return request
    return {
        "Delete": {
            "Key": _key(skeleton),
            "ConditionExpression": f"{ABSENT} OR tenant_id = :tenant_id",
            "ExpressionAttributeValues": typed({":tenant_id": tenant_id}),
        }
    }


class Claims:
    """The names that are held."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def holder(self, skeleton: str) -> str | None:
        """Return the tenant that holds a name, or held it lately; None if nobody does."""
        found = self._table.get(_key(skeleton))
        return str(found["tenant_id"]) if found else None

    def own(self, record: TenantRecord | None) -> str | None:
        """Return the name that a tenant holds, if it holds it."""
        if record is None or not record.skeleton:
            return None
        return record.skeleton if self.holder(record.skeleton) == record.tenant_id else None

    def drop(self, skeleton: str, tenant_id: str) -> None:
        """Remove a claim that stands, unless another tenant has it by now."""
        self._table.delete_item(
            Key=_key(skeleton),
            ConditionExpression="tenant_id = :tenant AND attribute_not_exists(free_at)",
            ExpressionAttributeValues=typed({":tenant": tenant_id}),
        )


def _key(skeleton: str) -> dict[str, Any]:
    return key(f"CLAIM#{skeleton}", "CLAIM")
