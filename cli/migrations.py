"""Find out who lacks a migration, ask for it, and follow it over the fleet. Only the requests and counts call AWS."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from cli import display
from cli.errors import Refused
from cli.session import Session
from control.stacks import Output
from tenancy.domain.calls import MigrationRequest
from tenancy.domain.record import OperationState, Status

QUEUE, GIVEN_UP = "MigrationsQueue", "MigrationsDeadLetterQueue"
_A_CALL = 10  # SendMessageBatch, API reference

_FAILURES_SHOWN = 20

type Record = Mapping[str, Any]


class Source(Protocol):
    """Be asked for records: control.tables.ControlPlane, or a stand-in."""

    def records(self, tenant_ids: Sequence[str]) -> dict[str, dict[str, Any]]: ...


@dataclass(frozen=True)
class Fleet:
    """Sort the tenants that have a database in service by their records. latest: the version that they should have."""

    latest: int
    records: Mapping[str, Record]

    @classmethod
    def of(cls, records: Mapping[str, Record], latest: int) -> "Fleet":
        """Return those of all records, whatever their tenants' status."""
        return cls(latest, {tenant_id: record for tenant_id, record in records.items() if is_in_service(record)})

    @property
    def versions(self) -> dict[str, int]:
        """Return how many tenants have which version."""
        return {
            str(version): count for version, count in sorted(Counter(map(version_of, self.records.values())).items())
        }

    @property
    def behind(self) -> list[str]:
        """Return the tenants whose database lacks a step."""
        return sorted(id_ for id_, record in self.records.items() if version_of(record) < self.latest)

    @property
    def failed(self) -> dict[str, Record]:
        """Return those of them whose last migration failed for good, with what is on record about that."""
        errors = ((id_, self.records[id_].get("migration_error")) for id_ in self.behind)
        return {id_: error for id_, error in errors if error}


def is_in_service(record: Record) -> bool:
    """Return what TenantRecord.has_database_in_service is, of a record as the table has it."""
    is_rolling_back = record["operation"]["state"] == OperationState.ROLLING_BACK
    return bool(record.get("database_path")) and Status(record["status"]).keeps_its_database and not is_rolling_back


def version_of(record: Record) -> int:
    return int(record.get("schema_version") or 0)


def ask(session: Session, tenant_ids: Sequence[str], version: int, by: str, at: str) -> None:
    """Put a message for each tenant into the queue, ten a call. Raises Refused if the queue does not take them all."""
    queue, sqs = session.resources("AWS::SQS::Queue")[QUEUE], session.client("sqs")
    for start in range(0, len(tenant_ids), _A_CALL):
        entries = [
            {
                "Id": str(number),
                "MessageBody": MigrationRequest(
                    tenant_id=tenant_id, version=version, requested_by=by, requested_at=at
                ).model_dump_json(),
            }
            for number, tenant_id in enumerate(tenant_ids[start : start + _A_CALL])
        ]
        if refused := sqs.send_message_batch(QueueUrl=queue, Entries=entries).get("Failed"):
            raise Refused(
                f"The queue did not take {len(refused)} messages ({refused[0].get('Code')}). {start} tenants or more "
                "were asked for. Run it again: asking twice does no harm."
            )


def waiting(session: Session) -> dict[str, int]:
    """Return how many messages wait to be worked on or are being worked on, and how many were given up."""
    urls, sqs = session.resources("AWS::SQS::Queue"), session.client("sqs")
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return {
        name: sum(
            int(count)
            for count in sqs.get_queue_attributes(QueueUrl=urls[queue], AttributeNames=names)["Attributes"].values()
        )
        for name, queue in (("waiting", QUEUE), ("given_up", GIVEN_UP))
    }


@dataclass(frozen=True)
class Progress:
    """Say how far one request is. failed: tenant → what is on record. gone: no database in service any more."""

    migrated: Sequence[str] = ()
    failed: Mapping[str, Record] = field(default_factory=dict)
    gone: Sequence[str] = ()
    left: Sequence[str] = ()

    def __str__(self) -> str:
        parts = [f"{len(self.migrated)} migrated", f"{len(self.failed)} failed", f"{len(self.left)} to go"]
        return ", ".join([*parts, *([f"{len(self.gone)} taken down"] if self.gone else [])])


def look(source: Source, before: Progress, version: int, at: str) -> Progress:
    """Return how far it is now. Only those are asked for that were still to do."""
    records = source.records(before.left)
    migrated, gone, left, failed = list(before.migrated), list(before.gone), [], dict(before.failed)
    for tenant_id in before.left:
        record = records.get(tenant_id)
        error = (record or {}).get("migration_error") or {}
        if record is None or not is_in_service(record):
            gone.append(tenant_id)
        elif version_of(record) >= version:
            migrated.append(tenant_id)
        elif error.get("requested_at") == at:
            failed[tenant_id] = error
        else:
            left.append(tenant_id)
    return Progress(migrated, failed, gone, left)


def follow(
    source: Source,
    tenant_ids: Sequence[str],
    version: int,
    at: str,
    *,
    timeout: float,
    pause: float = 1.0,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[Progress]:
    """Look again and again, and yield whenever something has changed, and at last. Ends when all are done.

    at: when it was asked for; a failure of an earlier request is not taken for one of this. timeout, pause: seconds;
    when the time is over some are left in what is yielded last.
    """
    until = clock() + timeout
    now = Progress(left=tuple(tenant_ids))
    while True:
        before, now = now, look(source, now, version, at)
        is_over = not now.left or clock() > until
        if is_over or len(now.left) != len(before.left):
            yield now
        if is_over:
            return
        sleep(pause)


def deployed_version(session: Session) -> int:
    """Return the version of the schema that the deployed release has. Raises Refused if it does not say."""
    return int(session.output(Output.SCHEMA_VERSION))


def tell_failures(failed: Mapping[str, Record]) -> None:
    """Print whose migration failed, and why."""
    if not failed:
        return
    shown = sorted(failed.items())[:_FAILURES_SHOWN]
    display.table(
        ("tenant", "version", "error", "at"),
        ([id_, error["version"], f"{error['code']}: {error['message']}", error["at"]] for id_, error in shown),
    )
    if len(failed) > len(shown):
        display.line(f"and {len(failed) - len(shown)} more; --json shows all")
