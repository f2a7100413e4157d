"""One message of the queue of migrations: what becomes of the tenant's database, its record, and the message."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tenancy.database import TenantDatabases, schema_versions
from tenancy.database_migrations import FleetMigrations, NotNow
from tenancy.domain.errors import RequestRefused, ServiceUnavailable, TenantDatabaseMissing
from tenancy.domain.failure_mail import Links, Report, mails
from tenancy.domain.record import TenantRecord
from tenancy.platform import aws, clock
from tenancy.platform.settings import ArchiveSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import Transaction, where
from tenancy.tenant_database.seed import SeedDatabase

from .conftest import Lifecycle, Tables, generation_call

pytestmark = pytest.mark.slow

LATEST = schema_versions.latest_version()


@pytest.fixture
def settings(tmp_path: Path) -> ArchiveSettings:
    (tmp_path / "tenants").mkdir()
    return ArchiveSettings(
        provisioning_table="provisioning",
        tenants_directory=str(tmp_path / "tenants"),
        scratch_directory=str(tmp_path / "scratch"),
        archive_bucket="archive",
    )


@pytest.fixture
def live(
    tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning, settings: ArchiveSettings, monkeypatch: Any
) -> TenantRecord:
    """A live tenant whose database is of the first release."""
    first = schema_versions.shipped()[:1]
    with monkeypatch.context() as release:
        release.setattr(schema_versions, "shipped", lambda: first)
        tables.insert("granja")
        lifecycle.claim("granja", "one")
        SeedDatabase(settings).seed(generation_call("SeedDatabase", "one"))
        lifecycle.activate("granja", "one")
        lifecycle.end("one")
    record = provisioning.record("granja")
    assert record is not None
    assert (record.status, record.lease, record.schema_version) == ("ACTIVE", None, 1)
    return record


@pytest.fixture
def fleet(settings: ArchiveSettings) -> FleetMigrations:
    return FleetMigrations(settings)


def message(version: int = LATEST, at: str = "2026-11-24T09:00:00.000Z", tenant_id: str = "granja") -> str:
    return json.dumps({"tenant_id": tenant_id, "version": version, "requested_by": "ana", "requested_at": at})


def found(provisioning: Provisioning) -> TenantRecord:
    record = provisioning.record("granja")
    assert record is not None
    return record


def names(settings: ArchiveSettings) -> list[str]:
    return sorted(path.name for path in (Path(settings.tenants_directory) / "granja").iterdir())


def whole(record: TenantRecord) -> list[str]:
    return sorted([str(record.database_path).removeprefix("granja/"), "current", "lock", "turn"])


def event(tables: Tables, kind: str) -> dict[str, Any]:
    (item,) = (item for item in tables.items() if item.get("type") == kind)
    return dict(json.loads(item["detail"]))


def spoil(settings: ArchiveSettings) -> None:
    """What breaks the second step of the schema."""
    with TenantDatabases(Path(settings.tenants_directory), idle_after=0).open("granja", "write") as connection:
        connection.execute("INSERT INTO settings VALUES ('granja', 'motto', 'my own words', now()::TIMESTAMP)")


def mend(settings: ArchiveSettings) -> None:
    with TenantDatabases(Path(settings.tenants_directory), idle_after=0).open("granja", "write") as connection:
        connection.execute("DELETE FROM settings WHERE key = 'motto'")


def test_the_record_and_an_event_say_which_version_the_database_has(
    live: TenantRecord, fleet: FleetMigrations, provisioning: Provisioning, tables: Tables, settings: ArchiveSettings
) -> None:
    fleet.migrate(message())

    record = found(provisioning)
    assert (record.schema_version, record.migration_error) == (LATEST, None)
    assert record.database_path != live.database_path
    assert names(settings) == whole(record)
    told = event(tables, "DatabaseMigrated")
    assert told["data"] == {
        "stage": "MigrateDatabase",
        "attempt": 1,
        "from_version": 1,
        "to_version": LATEST,
        "database_path": record.database_path,
        "requested_by": "ana",
        "requested_at": "2026-11-24T09:00:00.000Z",
    }
    assert told["metadata"]["execution_arn"] == f"migration/{LATEST}/2026-11-24T09:00:00.000Z"


def test_a_message_that_comes_again_changes_nothing(
    live: TenantRecord, fleet: FleetMigrations, provisioning: Provisioning, tables: Tables
) -> None:
    fleet.migrate(message())
    before = tables.items()

    fleet.migrate(message())
    fleet.migrate(message(at="2026-11-25T09:00:00.000Z"))

    assert tables.items() == before


def test_what_a_try_left_that_was_killed_at_its_end_goes_with_the_message_that_comes_again(
    live: TenantRecord, fleet: FleetMigrations, provisioning: Provisioning, settings: ArchiveSettings, monkeypatch: Any
) -> None:
    from tenancy.database import publish

    clean, cleaned = publish.clean, []

    def killed(folder: Any) -> None:
        if cleaned:
            raise KeyboardInterrupt
        cleaned.append(clean(folder))

    with monkeypatch.context() as end:
        end.setattr(publish, "clean", killed)
        with pytest.raises(KeyboardInterrupt):
            fleet.migrate(message())
    assert found(provisioning).schema_version == LATEST
    assert names(settings) != whole(found(provisioning))

    fleet.migrate(message())

    assert names(settings) == whole(found(provisioning))


def test_rows_that_do_not_fit_are_told_once_and_the_tenant_stays_in_service(
    live: TenantRecord, fleet: FleetMigrations, provisioning: Provisioning, tables: Tables, settings: ArchiveSettings
) -> None:
    spoil(settings)

    fleet.migrate(message())
    fleet.migrate(message())

    record = found(provisioning)
    assert (record.status, record.schema_version, record.database_path) == ("ACTIVE", 1, live.database_path)
    assert names(settings) == whole(record)
    assert record.migration_error is not None
    assert record.migration_error["code"] == "SchemaMigrationFailed"
    assert record.migration_error["version"] == LATEST
    assert record.migration_error["message"].startswith("0002_json_columns.sql: Constraint Error: CHECK")
    told = event(tables, "DatabaseMigrationFailed")
    assert told["data"]["message"] == record.migration_error["message"]
    assert "own words" not in json.dumps([told, record.migration_error])


def test_another_request_tries_again_and_forgets_the_error(
    live: TenantRecord, fleet: FleetMigrations, provisioning: Provisioning, tables: Tables, settings: ArchiveSettings
) -> None:
    spoil(settings)
    fleet.migrate(message())
    fleet.migrate(message(at="later"))
    assert tables.events().count("DatabaseMigrationFailed") == 2, "each is mailed"
    mend(settings)

    fleet.migrate(message(at="later still"))

    record = found(provisioning)
    assert (record.schema_version, record.migration_error) == (LATEST, None)


def test_the_mail_says_what_to_type_and_where_to_look(
    live: TenantRecord, fleet: FleetMigrations, tables: Tables, settings: ArchiveSettings
) -> None:
    spoil(settings)
    fleet.migrate(message())
    report = Report.parse("DatabaseMigrationFailed", event(tables, "DatabaseMigrationFailed"))

    (mail,) = mails([report], Links("us-east-1", "docs/runbooks"))
    (digest,) = mails(
        [Report(**{**report.__dict__, "id": str(n), "tenant_id": f"granja{n}"}) for n in range(11)],
        Links("us-east-1", "docs/runbooks"),
    )

    assert mail.subject == "[fluxion] granja: MigrateDatabase failed"
    assert "\n  fluxion fleet migrate --tenant granja\n" in mail.body
    assert "The site is live, exactly as before this change." in mail.body
    assert "/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/$252Faws$252Flambda$252Ffluxion-" in mail.body
    assert "docs/runbooks/schemamigrationfailed.md\n" in mail.body
    assert "\n  fluxion fleet migrate --retry-failed\n" in digest.body
    assert "executions" not in mail.body + digest.body
    assert "stateMachine" not in digest.body


def test_while_an_execution_works_on_the_tenant_the_message_waits(
    live: TenantRecord, fleet: FleetMigrations, lifecycle: Lifecycle, tables: Tables, settings: ArchiveSettings
) -> None:
    lifecycle.claim("granja", "two")
    before = names(settings)

    with pytest.raises(NotNow):
        fleet.migrate(message())

    assert names(settings) == before


def test_an_execution_that_begins_meanwhile_finds_the_database_that_it_knows(
    live: TenantRecord,
    fleet: FleetMigrations,
    lifecycle: Lifecycle,
    provisioning: Provisioning,
    settings: ArchiveSettings,
    monkeypatch: Any,
) -> None:
    commit = Transaction.commit

    def too_late(self: Transaction, otherwise: Exception) -> bool:
        with monkeypatch.context() as again:
            again.setattr(Transaction, "commit", commit)
            lifecycle.claim("granja", "two")
        return commit(self, otherwise)

    monkeypatch.setattr(Transaction, "commit", too_late)
    with pytest.raises(NotNow):
        fleet.migrate(message())
    monkeypatch.undo()

    record = found(provisioning)
    assert record.lease is not None
    assert (record.schema_version, record.database_path) == (1, live.database_path)
    assert names(settings) == whole(record)


@pytest.mark.parametrize("answered", [False, True], ids=["refused", "done, and the answer is lost"])
def test_a_table_that_does_not_answer_is_asked_again(
    live: TenantRecord,
    fleet: FleetMigrations,
    provisioning: Provisioning,
    settings: ArchiveSettings,
    tables: Tables,
    monkeypatch: Any,
    answered: bool,
) -> None:
    commit = Transaction.commit

    def unavailable(self: Transaction, otherwise: Exception) -> None:
        if answered:
            commit(self, otherwise)
        raise ServiceUnavailable("no answer")

    with monkeypatch.context() as outage:
        outage.setattr(Transaction, "commit", unavailable)
        with pytest.raises(ServiceUnavailable):
            fleet.migrate(message())

    fleet.migrate(message())

    record = found(provisioning)
    assert record.schema_version == LATEST
    assert names(settings) == whole(record)
    assert tables.events().count("DatabaseMigrated") == 1


def test_a_run_goes_on_from_where_a_migration_was_cut_off(
    live: TenantRecord,
    fleet: FleetMigrations,
    lifecycle: Lifecycle,
    provisioning: Provisioning,
    settings: ArchiveSettings,
    tables: Tables,
    monkeypatch: Any,
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as end:
        end.setattr(Transaction, "commit", killed)
        with pytest.raises(KeyboardInterrupt):
            fleet.migrate(message())
    tables.insert("granja", name="Otro nombre")
    lifecycle.claim("granja", "two")

    SeedDatabase(settings).seed(generation_call("SeedDatabase", "two", 2))

    record = found(provisioning)
    assert record.schema_version == LATEST
    assert names(settings) == whole(record)


@pytest.mark.parametrize("status", ["OFFBOARDING", "OFFBOARDED", "FAILED", "ROLLBACK_INCOMPLETE"])
def test_a_tenant_that_is_not_wanted_is_left_alone(
    live: TenantRecord,
    fleet: FleetMigrations,
    provisioning: Provisioning,
    settings: ArchiveSettings,
    status: str,
) -> None:
    provisioning.update("granja", {"status": status}, where("attribute_exists(pk)"))
    before = names(settings)

    fleet.migrate(message())

    assert names(settings) == before
    assert found(provisioning).schema_version == 1


def test_a_lost_database_comes_again_until_a_person_sees_to_it(
    live: TenantRecord, fleet: FleetMigrations, settings: ArchiveSettings
) -> None:
    (Path(settings.tenants_directory) / str(live.database_path)).unlink()

    with pytest.raises(TenantDatabaseMissing):
        fleet.migrate(message())


@pytest.mark.parametrize(
    "text", ["", "{}", message(tenant_id="../granja"), message(version=LATEST + 1), message(version=0)]
)
def test_what_is_no_request_or_asks_for_too_much_is_refused(fleet: FleetMigrations, text: str, tables: Tables) -> None:
    with pytest.raises(RequestRefused):
        fleet.migrate(text)


def test_a_migration_costs_one_read_and_one_transaction(
    live: TenantRecord, fleet: FleetMigrations, provisioning: Provisioning, monkeypatch: Any
) -> None:
    calls: Counter[str] = Counter()

    def counted(operation: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            calls[operation] += 1
            return work(*arguments, **options)

        return call

    client = aws.client("dynamodb")
    for operation in ("get_item", "put_item", "update_item", "delete_item", "query", "transact_write_items"):
        monkeypatch.setattr(client, operation, counted(operation, getattr(client, operation)))

    fleet.migrate(message())

    assert calls == {"get_item": 1, "transact_write_items": 1}
    assert clock.now() > found(provisioning).updated_at
