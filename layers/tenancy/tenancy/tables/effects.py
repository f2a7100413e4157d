"""Effects on shared systems: an intent (STARTED) goes on record before anything is done, the result (DONE) after."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from tenancy.domain.provenance import RECORD_TYPES
from tenancy.domain.record import TenantRecord
from tenancy.domain.systems import System
from tenancy.platform import aws, clock
from tenancy.platform.dynamodb_values import typed
from tenancy.tables.table import ABSENT, Request, Table, below, delete, put, put_once

ADOPTED = "adopted"
"""The writer of intents for what was there before: nobody of ours has written anything yet."""

_INTENTS_AT_ONCE = 25  # a fourth of what a transaction may hold: several at once are sooner done than one large one


class EffectState(StrEnum):
    """STARTED: it may or may not have happened. DONE: AWS has confirmed it."""

    STARTED = "STARTED"
    DONE = "DONE"


@dataclass(frozen=True)
class Effect:
    """An intent, written down before anything is done, or its confirmed result.

    system: a System, or one of a later release.
    target: what the effect makes true; a different target is a different effect.
    writer: which invocation wrote this, where several may work on one system.
    """

    tenant_id: str
    system: str
    state: EffectState
    generation: int
    attempt: int
    target: str
    writer: str = ""


def key_of(tenant_id: str, system: str) -> dict[str, Any]:
    """Return the key of the tenant's effect on a system, as DynamoDB writes it."""
    return below(tenant_id, f"EFFECT#{system}")


def written(effect: Effect) -> Request:
    """Write an effect in place of whatever is on record."""
    return put(_item(effect))


def written_once(effect: Effect) -> Request:
    """Write an effect of which nothing is on record."""
    return put_once(_item(effect))


def forgotten(tenant_id: str, system: str) -> Request:
    """Forget an effect: nothing of the tenant is left on the system."""
    return delete(key_of(tenant_id, system))


def read(item: Mapping[str, Any]) -> Effect:
    """Return the effect that an item, as values, holds."""
    kept = {name: item[name] for name in ("tenant_id", "generation", "attempt", "target", "writer")}
    return Effect(system=item["sk"].removeprefix("EFFECT#"), state=EffectState(item["state"]), **kept)


class Effects:
    """The tenants' intents and results."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, tenant_id: str, system: str) -> Effect | None:
        """Return the tenant's intent or result on one system, if there is one."""
        item = self._table.get(key_of(tenant_id, system))
        return read(item) if item else None

    def all_of(self, tenant_id: str) -> list[Effect]:
        """Return all intents and results of the tenant."""
        return [read(item) for item in self._table.items_of(f"TENANT#{tenant_id}", "EFFECT#")]

    def found_before(self, record: TenantRecord) -> list[str]:
        """Return the systems on which all that there is of the tenant was there before it was adopted, and is not ours
        yet.
        """
        if not record.adopting:
            return []
        is_whole: dict[str, bool] = {
            System.DNS_RECORDS: len(record.found_records) == len(RECORD_TYPES),
            System.CDN_ALIASES: record.found_alias,
        }
        effects = self.all_of(record.tenant_id)
        return [each.system for each in effects if each.writer == ADOPTED or is_whole.get(each.system)]

    def start(self, effect: Effect) -> None:
        """Write one intent down, before the effect."""
        self._table.put_item(_item(effect))

    def start_all(self, intents: Sequence[tuple[Effect, Effect | None]]) -> set[str]:
        """Write intents down, before the effects: 25 a transaction.

        intents: each with the effect that was read, None for none. Returns the tenants whose effect is another one by
                 now, since another writer was faster: theirs are not written. Repeating one's own changes nothing.
        Raises ConcurrentUpdate.
        """
        faster = aws.at_once(self._start_some, itertools.batched(intents, _INTENTS_AT_ONCE, strict=False))
        return set[str]().union(*faster)

    def _start_some(self, intents: Sequence[tuple[Effect, Effect | None]]) -> set[str]:
        left = {intent.tenant_id: _unless_faster(intent, found) for intent, found in intents}
        faster: set[str] = set()
        while left:
            refused = self._table.transact(list(left.items()), f"the intents of {len(left)} tenants")
            if not refused:
                break
            faster |= refused
            left = {tenant_id: request for tenant_id, request in left.items() if tenant_id not in refused}
        return faster

    def withdraw(self, effect: Effect) -> None:
        """Forget an intent of which it is certain that nothing came: the system refused it, or never got it."""
        self._table.delete_item(
            Key=key_of(effect.tenant_id, effect.system),
            ConditionExpression="#state = :started AND generation = :generation AND writer = :writer",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues=typed(
                {":started": "STARTED", ":generation": effect.generation, ":writer": effect.writer}
            ),
        )


def _unless_faster(intent: Effect, found: Effect | None) -> Request:
    """Write an intent if the effect is still as it was found, or was written by this very writer."""
    condition, names = ABSENT, {}
    values: dict[str, Any] = {":writer": intent.writer}
    if found:
        condition = "(#state = :state AND attempt = :attempt AND target = :target AND writer = :read)"
        values |= {
            ":state": str(found.state),
            ":attempt": found.attempt,
            ":target": found.target,
            ":read": found.writer,
        }
        names = {"ExpressionAttributeNames": {"#state": "state"}}
    return {
        "Put": {
            "Item": typed(_item(intent)),
            "ConditionExpression": f"{condition} OR writer = :writer",
            "ExpressionAttributeValues": typed(values),
            **names,
        }
    }


def _item(effect: Effect) -> dict[str, Any]:
    kept = asdict(effect) | {"state": str(effect.state), "at": clock.now()}
    system = kept.pop("system")
    return {"pk": f"TENANT#{effect.tenant_id}", "sk": f"EFFECT#{system}", **kept}
