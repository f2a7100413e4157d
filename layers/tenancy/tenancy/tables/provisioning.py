"""The ``provisioning`` table: observed state, claims, intents, and the outbox of events. Only this module writes it.

Items, all below ``TENANT#<id>`` but for the last two:

    TENANT                           the tenant record (model.TenantRecord)
    EFFECT#<function>                the intent (STARTED) or result (DONE) of one effect on a shared system
    EVENT#<generation>#<attempt>#…   the outbox: what EventBridge is told, kept 30 days
    ARCHIVE#<folder>                 an archive in the bucket, and when to look whether it is still there
    CLAIM#<skeleton> / CLAIM         who holds a name and all that look like it; with free_at, who held it until lately
    DRIFT / <finding>                what the last scan has found not to be as it is on record
"""

import itertools
import random
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from datetime import datetime
from enum import StrEnum
from typing import Any, NoReturn

from botocore.exceptions import ClientError

from tenancy.domain.drift import Finding, Kind
from tenancy.domain.errors import ConcurrentUpdate, RequestRefused, ServiceThrottled
from tenancy.domain.events import KEPT_DAYS, TYPES, Ending, Event, TenantPurged, mark_of
from tenancy.domain.provenance import RECORD_TYPES
from tenancy.domain.record import Status, TenantRecord
from tenancy.platform import aws, clock
from tenancy.platform.dynamodb_values import plain as _plain
from tenancy.platform.dynamodb_values import typed as _item

WHO = "DynamoDB"
EXPIRY = "expiry"
"""What an archive is due for: to be looked for, since the bucket removes it by itself some day."""

_REFUSED, _CONFLICT = "ConditionalCheckFailed", "TransactionConflict"  # codes in CancellationReasons
_SLOWER = {"ThrottlingError", "ProvisionedThroughputExceeded"}
_PAUSES = (0.02, 0.05, 0.1, 0.2, 0.4)  # seconds, between tries of a transaction that met another
_READ_AT_ONCE = 100  # BatchGetItem: API reference, request limits
_WRITTEN_AT_ONCE = 25  # BatchWriteItem: the same
ERASED_AT_ONCE = 90  # of the 100 that a transaction may hold
_INTENTS_AT_ONCE = 25  # a fourth of what a transaction may hold: several at once are sooner done than one large one
_TOMBSTONE_KEPT_SECONDS = 86_400  # after it has lost its meaning


class EffectState(StrEnum):
    """STARTED: it may or may not have happened. DONE: AWS has confirmed it."""

    STARTED = "STARTED"
    DONE = "DONE"


@dataclass(frozen=True)
class Effect:
    """An intent, written down before anything is done, or its confirmed result.

    system: the function that owns the effect, for instance ``dns_records``.
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


@dataclass(frozen=True)
class Known:
    """A finding of an earlier scan. since: of the first one. is_reported: whether an event has told of it."""

    finding: Finding
    since: str
    is_reported: bool = False


@dataclass(frozen=True)
class KeptArchive:
    """An archive in the bucket. generation, attempt: of the run that made it. due_at: when to look for it."""

    tenant_id: str
    folder: str
    manifest_sha256: str
    generation: int
    attempt: int
    exported_at: str
    due_at: str


ADOPTED = "adopted"
"""The writer of intents for what was there before: nobody of ours has written anything yet."""


class ConditionFailed(Exception):
    """The record is not as it was read: somebody else was faster. Read again and decide again."""


class Provisioning:
    """The table as the control plane's functions use it. Reads are strongly consistent."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._dynamodb = aws.client("dynamodb")

    # --- reading ------------------------------------------------------------------------------------------------------

    def record(self, tenant_id: str) -> TenantRecord | None:
        """The tenant record, or None if the control plane has never heard of the tenant."""
        with aws.calls(WHO):
            found = self._dynamodb.get_item(TableName=self._table, Key=_tenant_key(tenant_id), ConsistentRead=True)
        return TenantRecord.model_validate(_plain(found["Item"])) if "Item" in found else None

    def effect(self, tenant_id: str, system: str) -> Effect | None:
        """The tenant's intent or result on one system."""
        with aws.calls(WHO):
            key = _effect_key(tenant_id, system)
            found = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return _effect(_plain(found["Item"])) if "Item" in found else None

    def found_before(self, record: TenantRecord) -> list[str]:
        """Systems on which all that there is of the tenant was there before it was adopted, and is not ours yet."""
        if not record.adopting:
            return []
        is_whole = {"dns_records": len(record.found_records) == len(RECORD_TYPES), "cdn_aliases": record.found_alias}
        effects = self.effects(record.tenant_id)
        return [each.system for each in effects if each.writer == ADOPTED or is_whole.get(each.system)]

    def effects(self, tenant_id: str) -> list[Effect]:
        """All intents and results of the tenant."""
        return [_effect(_plain(item)) for item in self._query(tenant_id, "EFFECT#")]

    def records_and_effects(
        self, tenant_ids: Iterable[str], system: str
    ) -> dict[str, tuple[TenantRecord | None, Effect | None]]:
        """For each tenant its record and its effect on one system: two keys a tenant, 100 keys a call."""
        wanted = list(dict.fromkeys(tenant_ids))
        keys = [key for tenant_id in wanted for key in (_tenant_key(tenant_id), _effect_key(tenant_id, system))]
        records: dict[str, TenantRecord] = {}
        effects: dict[str, Effect] = {}
        for found in aws.at_once(self._get_all, itertools.batched(keys, _READ_AT_ONCE, strict=False)):
            for item in found:
                if item["sk"] == "TENANT":
                    records[item["tenant_id"]] = TenantRecord.model_validate(item)
                else:
                    effects[item["tenant_id"]] = _effect(item)
        return {tenant_id: (records.get(tenant_id), effects.get(tenant_id)) for tenant_id in wanted}

    def _get_all(self, keys: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        left = {self._table: {"Keys": list(keys), "ConsistentRead": True}}
        while left:
            with aws.calls(WHO):
                answer = self._dynamodb.batch_get_item(RequestItems=left)
            found += [_plain(item) for item in answer["Responses"].get(self._table, [])]
            left = answer.get("UnprocessedKeys", {})
            if left:
                time.sleep(0.05)
        return found

    def has_ended(self, tenant_id: str, execution_arn: str) -> bool:
        """Whether an execution has said, in the outbox, how its work on the tenant ended."""
        mark = mark_of(execution_arn)
        said = [item["type"]["S"] for item in self._query(tenant_id, "EVENT#") if item["sk"]["S"].endswith(f"#{mark}")]
        return any(issubclass(TYPES[kind], Ending) for kind in said)

    def due(self, purpose: str, now: str) -> list[tuple[str, str]]:
        """(tenant, when it was due) of all that are due for something: a query of the sparse index, eventually
        consistent.
        """
        keys = self._due_keys(purpose, now)
        return [(key["pk"]["S"].removeprefix("TENANT#"), key["due_at"]["S"]) for key in keys]

    def _due_keys(self, purpose: str, now: str) -> list[dict[str, Any]]:
        with aws.calls(WHO):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                IndexName="DueIndex",
                KeyConditionExpression="due_for = :purpose AND due_at <= :now",
                ExpressionAttributeValues=_item({":purpose": purpose, ":now": now}),
            )
            return [item for page in pages for item in page["Items"]]

    def count_served(self) -> int:
        """How many tenants are ACTIVE or SUSPENDED. Reads the whole table: for rare questions."""
        with aws.calls(WHO):
            pages = self._dynamodb.get_paginator("scan").paginate(
                TableName=self._table,
                Select="COUNT",
                FilterExpression="sk = :tenant AND #status IN (:active, :suspended)",
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=_item(
                    {":tenant": "TENANT", ":active": str(Status.ACTIVE), ":suspended": str(Status.SUSPENDED)}
                ),
            )
            return sum(page["Count"] for page in pages)

    def everything(self) -> Iterator[dict[str, Any]]:
        """All records, effects and claims, as values. Reads the whole table, eventually consistent."""
        with aws.calls(WHO):
            pages = self._dynamodb.get_paginator("scan").paginate(
                TableName=self._table,
                FilterExpression="sk = :tenant OR sk = :claim OR begins_with(sk, :effect)",
                ExpressionAttributeValues=_item({":tenant": "TENANT", ":claim": "CLAIM", ":effect": "EFFECT#"}),
            )
            for page in pages:
                yield from map(_plain, page["Items"])

    def _query(self, tenant_id: str, prefix: str | None) -> list[dict[str, Any]]:
        """What stands below a tenant; None: all of it, the record too."""
        begins = {":prefix": prefix} if prefix else {}
        with aws.calls(WHO):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :tenant" + (" AND begins_with(sk, :prefix)" if begins else ""),
                ExpressionAttributeValues=_item({":tenant": f"TENANT#{tenant_id}", **begins}),
                ConsistentRead=True,
            )
            return [item for page in pages for item in page["Items"]]

    # --- intents ------------------------------------------------------------------------------------------------------

    def start_effects(self, intents: Sequence[tuple[Effect, Effect | None]]) -> set[str]:
        """Write intents down, before the effects: 25 a transaction.

        intents: each with the effect that was read, None for none. Returns the tenants whose effect is another one by
                 now, since another writer was faster: theirs are not written. Repeating one's own changes nothing.
        Raises ConcurrentUpdate.
        """
        faster = aws.at_once(self._start_some, itertools.batched(intents, _INTENTS_AT_ONCE, strict=False))
        return set[str]().union(*faster)

    def _start_some(self, intents: Sequence[tuple[Effect, Effect | None]]) -> set[str]:
        faster: set[str] = set()
        left = list(intents)
        while left:
            reasons = self._transact([self._put_if_unchanged(intent, read) for intent, read in left])
            if not reasons:
                break
            if _REFUSED not in reasons:
                self._raise_refusal(reasons, f"the intents of {len(left)} tenants")
            pairs = list(zip(left, reasons, strict=True))
            faster |= {intent.tenant_id for (intent, _), reason in pairs if reason == _REFUSED}
            left = [pair for pair, reason in pairs if reason != _REFUSED]
        return faster

    def _put_if_unchanged(self, intent: Effect, read: Effect | None) -> dict[str, Any]:
        condition, names = "attribute_not_exists(pk)", {}
        values: dict[str, Any] = {":writer": intent.writer}
        if read:
            condition = "(#state = :state AND attempt = :attempt AND target = :target AND writer = :read)"
            values |= {
                ":state": str(read.state),
                ":attempt": read.attempt,
                ":target": read.target,
                ":read": read.writer,
            }
            names = {"ExpressionAttributeNames": {"#state": "state"}}
        return {
            "Put": {
                "TableName": self._table,
                "Item": _item(_effect_item(intent)),
                "ConditionExpression": f"{condition} OR writer = :writer",
                "ExpressionAttributeValues": _item(values),
                **names,
            }
        }

    def start_effect(self, effect: Effect) -> None:
        """Write one intent down, before the effect."""
        with aws.calls(WHO):
            self._dynamodb.put_item(TableName=self._table, Item=_item(_effect_item(effect)))

    def withdraw_effect(self, effect: Effect) -> None:
        """Forget an intent of which it is certain that nothing came: the system refused it, or never got it."""
        with aws.calls(WHO):
            try:
                self._dynamodb.delete_item(
                    TableName=self._table,
                    Key=_effect_key(effect.tenant_id, effect.system),
                    ConditionExpression="#state = :started AND generation = :generation AND writer = :writer",
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues=_item(
                        {":started": "STARTED", ":generation": effect.generation, ":writer": effect.writer}
                    ),
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise

    # --- drift --------------------------------------------------------------------------------------------------------

    def known_findings(self) -> dict[str, Known]:
        """What earlier scans have found and no later one has missed, by key."""
        with aws.calls(WHO):
            pages = self._dynamodb.get_paginator("query").paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :drift",
                ExpressionAttributeValues=_item({":drift": "DRIFT"}),
                ConsistentRead=True,
            )
            items = [_plain(item) for page in pages for item in page["Items"]]
        found = ((Finding(Kind(item["kind"]), item["tenant_id"], item["what"]), item) for item in items)
        return {finding.key: Known(finding, item["since"], item["is_reported"]) for finding, item in found}

    def note_findings(self, found: Iterable[Known], gone: Iterable[Known]) -> None:
        """Remember findings, and forget others: 25 a call."""
        puts = [{"PutRequest": {"Item": _item(_finding_item(known))}} for known in found]
        deletions = [{"DeleteRequest": {"Key": _finding_key(known)}} for known in gone]
        for requests in itertools.batched([*puts, *deletions], _WRITTEN_AT_ONCE, strict=False):
            left: dict[str, Any] = {self._table: list(requests)}
            while left:
                with aws.calls(WHO):
                    left = self._dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems", {})
                if left:
                    time.sleep(0.05)

    def tell_of_findings(self, event: Event, found: Iterable[Known] = (), gone: Iterable[Known] = ()) -> None:
        """The same for one tenant, with the event that tells of it, in one transaction. Once more is no harm."""
        operations: list[dict[str, Any]] = [self._put_once(_event_item(event.metadata.tenant_id, event))]
        operations += [{"Put": {"TableName": self._table, "Item": _item(_finding_item(known))}} for known in found]
        operations += [{"Delete": {"TableName": self._table, "Key": _finding_key(known)}} for known in gone]
        reasons = self._transact(operations)
        if reasons and _REFUSED not in reasons:
            self._raise_refusal(reasons, f"what was found of {event.metadata.tenant_id}")

    def drop_claim(self, skeleton: str, tenant_id: str) -> None:
        """Remove a claim that stands, unless another tenant has it by now."""
        with aws.calls(WHO):
            try:
                self._dynamodb.delete_item(
                    TableName=self._table,
                    Key=_item({"pk": f"CLAIM#{skeleton}", "sk": "CLAIM"}),
                    ConditionExpression="tenant_id = :tenant AND attribute_not_exists(free_at)",
                    ExpressionAttributeValues=_item({":tenant": tenant_id}),
                )
            except ClientError as error:
                if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                    raise

    # --- the outbox: every result is one transaction ------------------------------------------------------------------

    def commit(
        self,
        tenant_id: str,
        *,
        fields: Mapping[str, Any],
        remove: Iterable[str] = (),
        condition: str,
        values: Mapping[str, Any],
        event: Event | None = None,
        also: Event | None = None,
        effect: Effect | None = None,
        adopted: Iterable[Effect] = (),
        forget: Iterable[str] = (),
        claim: str | None = None,
        release: str | None = None,
        free_at: str | None = None,
    ) -> None:
        """Change the tenant record, and say so, in one transaction: both happen or neither.

        fields:    attributes of the record to set; a dotted name reaches into a map.
        remove:    attributes to remove.
        condition: on the record as it is now, in DynamoDB's language, over ``values``.
        event:     for the outbox. An event that is there already means that this very result is recorded already, by
                   an earlier try whose answer was lost: then nothing is done, and that is success.
        also:      a second event of the same result.
        effect:    the effect whose result this is.
        adopted:   intents for what was there before. There must be none of the tenant on these systems.
        forget:    systems of which nothing of the tenant is left: their effects go.
        claim:     the skeleton of a name to claim for this tenant, or to keep.
        release:   the skeleton of a name to give back. It must be this tenant's.
        free_at:   when others may claim the name that is given back; at once if it is None.
        Raises ConditionFailed, NameTaken, ConcurrentUpdate.
        """
        operations = [self._update(tenant_id, fields, remove, condition, values)]
        if event:
            operations.append(self._put_once(_event_item(tenant_id, event)))
        if also:
            operations.append(self._put_once(_event_item(tenant_id, also)))
        if effect:
            operations.append({"Put": {"TableName": self._table, "Item": _item(_effect_item(effect))}})
        operations += [self._put_once(_effect_item(intent)) for intent in adopted]
        operations += [
            {"Delete": {"TableName": self._table, "Key": _effect_key(tenant_id, system)}} for system in forget
        ]
        if release:
            operations.append(self._release(release, tenant_id, free_at))
        if claim:
            operations.append(self._claim(claim, tenant_id))
        reasons = self._transact(operations)
        if not reasons or (event and reasons[1] == _REFUSED):
            return
        if claim and reasons[-1] == _REFUSED:
            raise NameTaken
        if _REFUSED in reasons:
            raise ConditionFailed(tenant_id)
        self._raise_refusal(reasons, f"the record of {tenant_id}")

    def _raise_refusal(self, reasons: Sequence[str], what: str) -> NoReturn:
        if _CONFLICT in reasons:
            raise ConcurrentUpdate(f"{what} was being written each time this was to be written")
        kind = ServiceThrottled if _SLOWER & set(reasons) else RequestRefused
        raise kind(f"{WHO} refused a transaction: {', '.join(reasons)}")

    def _transact(self, operations: Sequence[Mapping[str, Any]]) -> list[str]:
        """Do all or nothing. Returns why nothing was done: a code for each operation; empty if all was done.

        That somebody else is writing one of the items at this moment is no reason yet: it is tried again.
        """
        reasons: list[str] = []
        for pause in (0.0, *_PAUSES):
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreading rivals, not a secret
            with aws.calls(WHO):
                try:
                    self._dynamodb.transact_write_items(TransactItems=operations)
                except ClientError as error:
                    if error.response["Error"]["Code"] != "TransactionCanceledException":
                        raise
                    reasons = [reason.get("Code", "None") for reason in error.response["CancellationReasons"]]
                else:
                    return []
            if not set(reasons) <= {"None", _CONFLICT}:
                break
        return reasons

    def update(self, tenant_id: str, *, fields: Mapping[str, Any], condition: str, values: Mapping[str, Any]) -> None:
        """Change the record where there is nothing to tell. Raises ConditionFailed."""
        with aws.calls(WHO):
            try:
                self._dynamodb.update_item(**self._update(tenant_id, fields, (), condition, values)["Update"])
            except ClientError as error:
                if error.response["Error"]["Code"] in (
                    "ConditionalCheckFailedException",
                    "TransactionConflictException",
                ):
                    raise ConditionFailed(tenant_id) from None
                raise

    def _update(
        self,
        tenant_id: str,
        fields: Mapping[str, Any],
        remove: Iterable[str],
        condition: str,
        values: Mapping[str, Any],
    ) -> dict[str, Any]:
        fields = {**fields, "tenant_id": tenant_id, "updated_at": clock.now()}
        names: dict[str, str] = {}
        expression = "SET " + ", ".join(f"{_path(field, names)} = :f{number}" for number, field in enumerate(fields))
        if removed := [_path(field, names) for field in remove]:
            expression += " REMOVE " + ", ".join(removed)
        names |= {f"#{name}": name for name in re.findall(r"#(\w+)", condition)}
        bound = {f":f{number}": value for number, value in enumerate(fields.values())} | dict(values)
        return {
            "Update": {
                "TableName": self._table,
                "Key": _tenant_key(tenant_id),
                "UpdateExpression": expression,
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": _item(bound),
            }
        }

    def _put_once(self, item: Mapping[str, Any]) -> dict[str, Any]:
        condition = "attribute_not_exists(pk)"
        return {"Put": {"TableName": self._table, "Item": _item(item), "ConditionExpression": condition}}

    def _claim(self, skeleton: str, tenant_id: str) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self._table,
                "Item": _item({"pk": f"CLAIM#{skeleton}", "sk": "CLAIM", "tenant_id": tenant_id, "at": clock.now()}),
                "ConditionExpression": "attribute_not_exists(pk) OR tenant_id = :tenant_id OR free_at <= :now",
                "ExpressionAttributeValues": _item({":tenant_id": tenant_id, ":now": clock.now()}),
            }
        }

    def _release(self, skeleton: str, tenant_id: str, free_at: str | None) -> dict[str, Any]:
        if free_at:
            return self._keep_for_return(skeleton, tenant_id, free_at)
        return {
            "Delete": {
                "TableName": self._table,
                "Key": _item({"pk": f"CLAIM#{skeleton}", "sk": "CLAIM"}),
                "ConditionExpression": "attribute_not_exists(pk) OR tenant_id = :tenant_id",
                "ExpressionAttributeValues": _item({":tenant_id": tenant_id}),
            }
        }

    def _keep_for_return(self, skeleton: str, tenant_id: str, free_at: str) -> dict[str, Any]:
        """A claim that only the same tenant can renew, until it is free for all."""
        claim = self._claim(skeleton, tenant_id)
        claim["Put"]["Item"] |= _item({"free_at": free_at, "expires_at": _epoch(free_at) + _TOMBSTONE_KEPT_SECONDS})
        return claim

    def holder_of(self, skeleton: str) -> str | None:
        """Which tenant holds a name, for the message to the one that does not get it."""
        with aws.calls(WHO):
            key = _item({"pk": f"CLAIM#{skeleton}", "sk": "CLAIM"})
            found = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        return str(_plain(found["Item"])["tenant_id"]) if "Item" in found else None

    # --- archives, and when they expire -------------------------------------------------------------------------------

    def note_archive(self, kept: KeptArchive) -> None:
        """Write down that there is an archive, and when to look whether it is still there."""
        with aws.calls(WHO):
            self._dynamodb.put_item(
                TableName=self._table,
                Item=_item({**_archive_key(kept), **asdict(kept), "due_for": EXPIRY}),
            )

    def archives(self, tenant_id: str) -> list[KeptArchive]:
        """All archives of a tenant that are on record."""
        return [_kept_archive(_plain(item)) for item in self._query(tenant_id, "ARCHIVE#")]

    def archives_due(self, now: str) -> list[KeptArchive]:
        """Archives that are to be looked for: a query of the sparse index, and each of them as it is."""
        found = []
        for key in self._due_keys(EXPIRY, now):
            with aws.calls(WHO):
                answer = self._dynamodb.get_item(
                    TableName=self._table, Key={name: key[name] for name in ("pk", "sk")}, ConsistentRead=True
                )
            if "Item" in answer:
                found.append(_kept_archive(_plain(answer["Item"])))
        return found

    def look_again(self, kept: KeptArchive, due_at: str) -> None:
        """The archive is still there. Of one that was erased meanwhile nothing is written."""
        with aws.calls(WHO), suppress(self._dynamodb.exceptions.ConditionalCheckFailedException):
            self._dynamodb.update_item(
                TableName=self._table,
                Key=_item(_archive_key(kept)),
                UpdateExpression="SET due_at = :due_at",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues=_item({":due_at": due_at}),
            )

    def forget_archive(self, kept: KeptArchive) -> None:
        """Nothing is to be looked for any more."""
        with aws.calls(WHO):
            self._dynamodb.delete_item(TableName=self._table, Key=_item(_archive_key(kept)))

    # --- a tenant that is to be forgotten -----------------------------------------------------------------------------

    def sort_keys(self, tenant_id: str) -> list[str]:
        """The keys of all that stands below a tenant beside its record. Of events that it was purged before, none."""
        items = [(item["sk"]["S"], item.get("type", {}).get("S")) for item in self._query(tenant_id, None)]
        return [key for key, kind in items if key != "TENANT" and kind != TenantPurged.__name__]

    def erase(self, tenant_id: str, sort_keys: Sequence[str], *, fields: Mapping[str, Any], **as_read: Any) -> None:
        """Delete items below a tenant, and set fields of its record, in one transaction: at most 90 items.

        as_read: ``condition`` and ``values`` over the record. Raises ConditionFailed, ConcurrentUpdate.
        """
        operations = [self._update(tenant_id, fields, (), **as_read)]
        operations += [
            {"Delete": {"TableName": self._table, "Key": _item({"pk": f"TENANT#{tenant_id}", "sk": key})}}
            for key in sort_keys
        ]
        self._all_or_nothing(tenant_id, operations)

    def replace(
        self, tenant_id: str, record: Mapping[str, Any], event: Event, *, condition: str, values: Mapping[str, Any]
    ) -> None:
        """Put a record in place of the one that was read: what it does not say is gone. Raises as ``erase``."""
        item = {"pk": f"TENANT#{tenant_id}", "sk": "TENANT", "tenant_id": tenant_id, **record}
        put = {
            "TableName": self._table,
            "Item": _item(item | {"updated_at": clock.now()}),
            "ConditionExpression": condition,
            "ExpressionAttributeValues": _item(values),
        }
        self._all_or_nothing(tenant_id, [{"Put": put}, self._put_once(_event_item(tenant_id, event))])

    def _all_or_nothing(self, tenant_id: str, operations: Sequence[Mapping[str, Any]]) -> None:
        reasons = self._transact(operations)
        if _REFUSED in reasons:
            raise ConditionFailed(tenant_id)
        if reasons:
            self._raise_refusal(reasons, f"the record of {tenant_id}")


class NameTaken(Exception):
    """Another tenant holds the skeleton."""


def as_read(record: TenantRecord | None) -> dict[str, Any]:
    """``condition`` and ``values`` of a write that decides by what was read: nobody else may have decided meanwhile."""
    if record is None:
        return {"condition": "attribute_not_exists(pk)", "values": {}}
    values = {":generation": record.generation, ":attempt": record.attempt, ":requested": record.requested}
    condition = "generation = :generation AND attempt = :attempt AND requested = :requested AND "
    if record.lease is None:
        return {"condition": condition + "attribute_not_exists(lease)", "values": values}
    return {"condition": condition + "lease.holder = :holder", "values": {**values, ":holder": record.lease.holder}}


def _epoch(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def _path(field: str, names: dict[str, str]) -> str:
    parts = field.split(".")
    names.update({f"#{part}": part for part in parts})
    return ".".join(f"#{part}" for part in parts)


def _tenant_key(tenant_id: str) -> dict[str, Any]:
    return _item({"pk": f"TENANT#{tenant_id}", "sk": "TENANT"})


def _effect_key(tenant_id: str, system: str) -> dict[str, Any]:
    return _item({"pk": f"TENANT#{tenant_id}", "sk": f"EFFECT#{system}"})


def _effect_item(effect: Effect) -> dict[str, Any]:
    return {
        "pk": f"TENANT#{effect.tenant_id}",
        "sk": f"EFFECT#{effect.system}",
        "tenant_id": effect.tenant_id,
        "state": str(effect.state),
        "generation": effect.generation,
        "attempt": effect.attempt,
        "target": effect.target,
        "writer": effect.writer,
        "at": clock.now(),
    }


def _archive_key(kept: KeptArchive) -> dict[str, str]:
    return {"pk": f"TENANT#{kept.tenant_id}", "sk": f"ARCHIVE#{kept.folder}"}


def _kept_archive(item: Mapping[str, Any]) -> KeptArchive:
    return KeptArchive(**{field.name: item[field.name] for field in dataclass_fields(KeptArchive)})


def _effect(item: Mapping[str, Any]) -> Effect:
    return Effect(
        tenant_id=item["tenant_id"],
        system=item["sk"].removeprefix("EFFECT#"),
        state=EffectState(item["state"]),
        generation=item["generation"],
        attempt=item["attempt"],
        target=item["target"],
        writer=item["writer"],
    )


def _event_item(tenant_id: str, event: Event) -> dict[str, Any]:
    return {
        "pk": f"TENANT#{tenant_id}",
        "sk": event.sort_key,
        "tenant_id": tenant_id,
        "event_id": event.metadata.id,
        "type": event.type,
        "detail": event.detail,
        "occurred_at": event.metadata.occurred_at,
        "expires_at": int(time.time()) + KEPT_DAYS * 86400,
    }


def _finding_key(known: Known) -> dict[str, Any]:
    return _item({"pk": "DRIFT", "sk": known.finding.key})


def _finding_item(known: Known) -> dict[str, Any]:
    finding = known.finding
    return {
        "pk": "DRIFT",
        "sk": finding.key,
        "kind": str(finding.kind),
        "tenant_id": finding.tenant_id,
        "what": finding.what,
        "since": known.since,
        "is_reported": known.is_reported,
    }
