"""This is what the functions use of tenants' records, effects, claims and archives."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tenancy.domain.record import DueFor, Status, TenantRecord
from tenancy.domain.systems import System
from tenancy.platform import aws
from tenancy.platform.dynamodb_values import plain
from tenancy.tables import effects, outbox
from tenancy.tables.archives import Archives
from tenancy.tables.claims import Claims
from tenancy.tables.effects import Effect, Effects
from tenancy.tables.findings import Findings
from tenancy.tables.outbox import Outbox
from tenancy.tables.table import Table, below
from tenancy.tables.transaction import Condition, ConditionFailed, Transaction, updated

_READ_AT_ONCE = 100  # BatchGetItem: API reference, request limits


class Provisioning:
    """The table ``provisioning``."""

    def __init__(self, table: str) -> None:
        self._table = Table(table)
        self.effects = Effects(self._table)
        self.claims = Claims(self._table)
        self.archives = Archives(self._table)
        self.findings = Findings(self._table)
        self.outbox = Outbox(self._table)

    def record(self, tenant_id: str) -> TenantRecord | None:
        """Return the tenant record, or None if the control plane has never heard of the tenant."""
        item = self._table.get(below(tenant_id, "TENANT"))
        return TenantRecord.model_validate(item) if item else None

    def records_and_effects(
        self, tenant_ids: Iterable[str], system: System
    ) -> dict[str, tuple[TenantRecord | None, Effect | None]]:
        """Return for each tenant its record and its effect on one system: two keys a tenant, 100 keys a call."""
        wanted = list(dict.fromkeys(tenant_ids))
        keys = [key for each in wanted for key in (below(each, "TENANT"), effects.key_of(each, system))]
        found_records: dict[str, TenantRecord] = {}
        found_effects: dict[str, Effect] = {}
        for found in aws.at_once(self._table.get_all, itertools.batched(keys, _READ_AT_ONCE, strict=False)):
            for item in found:
                if item["sk"] == "TENANT":
                    found_records[item["tenant_id"]] = TenantRecord.model_validate(item)
                else:
                    found_effects[item["tenant_id"]] = effects.read(item)
        return {tenant_id: (found_records.get(tenant_id), found_effects.get(tenant_id)) for tenant_id in wanted}

    def due(self, purpose: DueFor, now: str) -> list[tuple[str, str]]:
        """Return (tenant, when it was due) of all that are due for something by now: eventually consistent."""
        return [(each["pk"].removeprefix("TENANT#"), each["due_at"]) for each in self._table.due(purpose, now)]

    def count_served(self) -> int:
        """Return how many tenants are ACTIVE or SUSPENDED. Reads the whole table: for rare questions."""
        pages = self._table.pages(
            "scan",
            {":tenant": "TENANT", ":active": str(Status.ACTIVE), ":suspended": str(Status.SUSPENDED)},
            Select="COUNT",
            FilterExpression="sk = :tenant AND #status IN (:active, :suspended)",
            ExpressionAttributeNames={"#status": "status"},
        )
        return sum(page["Count"] for page in pages)

    def everything(self) -> Iterator[dict[str, Any]]:
        """Yield all records, effects and claims, as values. Reads the whole table, eventually consistent."""
        pages = self._table.pages(
            "scan",
            {":tenant": "TENANT", ":claim": "CLAIM", ":effect": "EFFECT#"},
            FilterExpression="sk = :tenant OR sk = :claim OR begins_with(sk, :effect)",
        )
        return (plain(item) for page in pages for item in page["Items"])

    def sort_keys(self, tenant_id: str) -> list[str]:
        """Return the keys of all that stands below a tenant beside its record, but for events of earlier purges."""
        items = self._table.items_of(f"TENANT#{tenant_id}")
        return [item["sk"] for item in items if item["sk"] != "TENANT" and not outbox.is_of_a_purge(item)]

    def update(self, tenant_id: str, fields: Mapping[str, Any], condition: Condition) -> None:
        """Change the record where there is nothing to tell. Raises ConditionFailed."""
        if not self._table.update_item(**updated(tenant_id, fields, (), condition)["Update"]):
            raise ConditionFailed(tenant_id)

    def transaction(self, tenant_id: str) -> Transaction:
        """Begin a change of the tenant's record and all that belongs to it. Nothing happens before its ``commit``."""
        return Transaction(self._table, tenant_id)
