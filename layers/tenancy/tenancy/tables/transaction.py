"""A transaction changes a tenant's record and all that belongs to it: all of it happens, or nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tenancy.domain.envelope import Event
from tenancy.domain.events import Fact
from tenancy.domain.record import TenantRecord
from tenancy.platform import clock
from tenancy.platform.dynamodb_values import typed
from tenancy.tables import claims, effects, findings, outbox
from tenancy.tables.effects import Effect
from tenancy.tables.findings import Known
from tenancy.tables.table import ABSENT, Request, Table, below, delete

ERASED_AT_ONCE = 90  # of the 100 that a transaction may hold


class ConditionFailed(Exception):
    """The record is not as it was read: somebody else was faster. Read again and decide again."""


class NameTaken(Exception):
    """Another tenant holds the skeleton."""


@dataclass(frozen=True)
class Condition:
    """A condition on a record, in DynamoDB's language, with the values of its ``:names``."""

    expression: str
    values: Mapping[str, Any]


def where(expression: str, **values: Any) -> Condition:
    """Return a condition: ``where("lease.holder = :holder", holder=arn)``."""
    return Condition(expression, {f":{name}": value for name, value in values.items()})


def as_read(record: TenantRecord | None) -> Condition:
    """Return the condition of a write that decides by what was read: nobody else may have decided meanwhile."""
    if record is None:
        return where(ABSENT)
    values = {"generation": record.generation, "attempt": record.attempt, "requested": record.requested}
    expression = "generation = :generation AND attempt = :attempt AND requested = :requested AND "
    if record.lease is None:
        return where(expression + "attribute_not_exists(lease)", **values)
    return where(expression + "lease.holder = :holder", **values, holder=record.lease.holder)


def updated(tenant_id: str, fields: Mapping[str, Any], remove: tuple[str, ...], condition: Condition) -> Request:
    """Set and remove attributes of a record."""
    fields = {**fields, "tenant_id": tenant_id, "updated_at": clock.now()}
    names: dict[str, str] = {}
    expression = "SET " + ", ".join(f"{_path(field, names)} = :f{number}" for number, field in enumerate(fields))
    if removed := [_path(field, names) for field in remove]:
        expression += " REMOVE " + ", ".join(removed)
    names |= {f"#{name}": name for name in re.findall(r"#(\w+)", condition.expression)}
    bound = {f":f{number}": value for number, value in enumerate(fields.values())} | dict(condition.values)
    return {
        "Update": {
            "Key": below(tenant_id, "TENANT"),
            "UpdateExpression": expression,
            "ConditionExpression": condition.expression,
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": typed(bound),
        }
    }


class Transaction:
    """What is to happen together; nothing does before ``commit``.

    Each operation has a name, by which a refusal is told: of the event, that this very result is on record; of the
    claim, that the name is another tenant's; of any other, that the record is not as it was read.
    """

    def __init__(self, table: Table, tenant_id: str) -> None:
        self._table = table
        self._tenant_id = tenant_id
        self._fields: dict[str, Any] = {}
        self._removed: tuple[str, ...] = ()
        self._is_replaced = False
        self._condition: Condition | None = None
        self._others: list[tuple[str, Request]] = []

    def set(self, fields: Mapping[str, Any]) -> Self:
        """Set attributes of the record; a dotted name reaches into a map."""
        self._fields |= fields
        return self

    def remove(self, *fields: str) -> Self:
        """Remove attributes of the record."""
        self._removed += fields
        return self

    def replace(self, fields: Mapping[str, Any]) -> Self:
        """Put a record in place of the one that was read: what it does not say is gone."""
        self._is_replaced = True
        return self.set(fields)

    def require(self, condition: Condition) -> Self:
        """Change the record only if this holds, and all that was required before. Without any, it is left alone."""
        if before := self._condition:
            condition = Condition(
                f"{before.expression} AND {condition.expression}", {**before.values, **condition.values}
            )
        self._condition = condition
        return self

    def tell(self, fact: Fact, *, generation: int, execution_arn: str = "") -> Self:
        """Put an event into the outbox. One that is there already means that this very result is on record, by an
        earlier try whose answer was lost.
        """
        event = Event.of(
            fact, tenant_id=self._tenant_id, generation=generation, execution_arn=execution_arn, occurred_at=clock.now()
        )
        return self._also("event", outbox.told(event))

    def effect(self, effect: Effect) -> Self:
        """Write down the effect whose result this is."""
        return self._also("effect", effects.written(effect))

    def adopt(self, *intents: Effect) -> Self:
        """Write intents down for what was there before. There must be none of the tenant on these systems."""
        return self._also("intent", *map(effects.written_once, intents))

    def forget(self, *systems: str) -> Self:
        """Forget the effects on systems where nothing of the tenant is left."""
        return self._also("effect", *(effects.forgotten(self._tenant_id, system) for system in systems))

    def claim(self, skeleton: str) -> Self:
        """Claim a name for this tenant, or keep it."""
        return self._also("claim", claims.claimed(skeleton, self._tenant_id))

    def release(self, skeleton: str, *, free_at: str | None = None) -> Self:
        """Give a name back, which must be this tenant's. free_at: when others may claim it; None: at once."""
        return self._also("release", claims.released(skeleton, self._tenant_id, free_at))

    def remember(self, *found: Known) -> Self:
        """Write findings down."""
        return self._also("finding", *map(findings.remembered, found))

    def dismiss(self, *gone: Known) -> Self:
        """Forget findings."""
        return self._also("finding", *map(findings.dismissed, gone))

    def erase(self, *sort_keys: str) -> Self:
        """Delete items below the tenant: at most 90 in one transaction."""
        return self._also("item", *(delete(below(self._tenant_id, sort_key)) for sort_key in sort_keys))

    def commit(self, otherwise: Exception | None = None) -> bool:
        """Do all of it, or nothing. Returns False if nothing was done because the event is there already.

        otherwise: raised in place of ConditionFailed. Raises also NameTaken, ConcurrentUpdate.
        """
        record = [("record", self._record(self._condition))] if self._condition else []
        refused = self._table.transact([*record, *self._others], f"the record of {self._tenant_id}")
        if "event" in refused:
            return False
        if "claim" in refused:
            raise NameTaken
        if refused:
            raise otherwise or ConditionFailed(self._tenant_id)
        return True

    def _record(self, condition: Condition) -> Request:
        if not self._is_replaced:
            return updated(self._tenant_id, self._fields, self._removed, condition)
        item = {"pk": f"TENANT#{self._tenant_id}", "sk": "TENANT", "tenant_id": self._tenant_id, **self._fields}
        return {
            "Put": {
                "Item": typed(item | {"updated_at": clock.now()}),
                "ConditionExpression": condition.expression,
                "ExpressionAttributeValues": typed(condition.values),
            }
        }

    def _also(self, name: str, *requests: Request) -> Self:
        self._others += [(name, request) for request in requests]
        return self


def _path(field: str, names: dict[str, str]) -> str:
    parts = field.split(".")
    names.update({f"#{part}": part for part in parts})
    return ".".join(f"#{part}" for part in parts)
