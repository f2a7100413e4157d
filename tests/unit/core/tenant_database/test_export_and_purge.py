"""A customer gets its data, and is forgotten: whatever happens in between, and whoever else is there."""

import hashlib
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

from tenancy.database import TenantDatabases, erase
from tenancy.domain.errors import GenerationSuperseded, LeaseHeldByOther, StorageUnavailable, TenantDatabaseMissing
from tenancy.domain.events import TYPES
from tenancy.platform import clock
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import Transaction
from tenancy.tenant_database import archive_bucket, export, purge
from tenancy.tenant_database.archive_bucket import ArchiveBucket

from ..conftest import Lifecycle, Tables
from ..gone import Customer

pytestmark = pytest.mark.slow

CANARY = "canario"


@pytest.fixture
def bucket(tables: Tables) -> Any:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="archive")
    s3.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
    return s3


@pytest.fixture
def customer(tables: Tables, lifecycle: Lifecycle, bucket: Any, tmp_path: Path) -> Customer:
    """A live tenant."""
    (tmp_path / "tenants").mkdir()
    customer = Customer(tables, lifecycle, bucket, tmp_path)
    customer.onboard()
    return customer


@pytest.fixture
def gone(customer: Customer) -> Customer:
    """One that was exported and then taken down, with more left of it than there should be."""
    customer.export()
    customer.take_down()
    folder = customer.record.archive["folder"]  # type: ignore[index]
    customer.s3.put_object(Bucket="archive", Key=f"{folder}/manifest.json", Body=b"an earlier try")
    customer.s3.delete_object(Bucket="archive", Key=f"{folder}/tenants.parquet")
    for place in (customer.tenants / "granja", customer.tenants / ".set-aside" / "granja"):
        place.mkdir(parents=True)
        (place / "old.duckdb").write_text(f"{CANARY}-fila")
    return customer


# --- export -----------------------------------------------------------------------------------------------------------


def test_an_export_is_whole_and_on_record_and_changes_nothing(customer: Customer) -> None:
    before, files = customer.raw, customer.files()

    receipt = customer.export()

    folder = receipt["folder"]
    assert folder.startswith(f"exports/{customer.record.database_path.removesuffix('.duckdb')}-")  # type: ignore[union-attr]
    text = customer.s3.get_object(Bucket="archive", Key=f"{folder}/manifest.json")["Body"].read()
    assert hashlib.sha256(text).hexdigest() == receipt["manifest_sha256"]
    for table in json.loads(text)["tables"].values():
        content = customer.s3.get_object(Bucket="archive", Key=f"{folder}/{table['file']}")["Body"].read()
        assert hashlib.sha256(content).hexdigest() == table["file_sha256"]
    assert receipt["rows"]["settings"] == 2
    assert {**customer.raw, "updated_at": ""} == {**before, "updated_at": ""}
    assert set(customer.files()) == set(files)
    assert customer.events().count("DatabaseExported") == 1


def test_each_export_is_an_event_and_a_folder_of_its_own(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    first = customer.export("one")
    monkeypatch.setattr(clock, "now", lambda _=0: "2030-01-01T00:00:00.000Z")
    second = customer.export("two")

    assert first["folder"] != second["folder"]
    events = [item for item in customer.items() if item.get("type") == "DatabaseExported"]
    assert len({item["event_id"] for item in events}) == 2


def test_the_database_is_held_while_it_is_exported(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    from tenancy.domain.errors import TenantDatabaseBusy

    tried: list[str] = []

    def meanwhile(*_: object) -> str:
        with (
            pytest.raises(TenantDatabaseBusy),
            TenantDatabases(customer.tenants, busy_after=0, idle_after=0).open("granja", "write"),
        ):
            pass
        tried.append("write")
        return "folder"

    monkeypatch.setattr(ArchiveBucket, "put", meanwhile)
    customer.export()

    assert tried == ["write"]


def test_what_has_no_database_is_not_exported(customer: Customer) -> None:
    customer.take_down()

    with pytest.raises(TenantDatabaseMissing):
        customer.export()
    with pytest.raises(TenantDatabaseMissing):
        Customer(customer.tables, customer.lifecycle, customer.s3, customer.folder, "nadie").export()
    assert "DatabaseExported" not in customer.events()


def test_a_failed_upload_is_no_export(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_bucket.ArchiveBucket, "put", _fails)

    with pytest.raises(StorageUnavailable):
        customer.export()
    assert "DatabaseExported" not in customer.events()


def test_a_database_that_is_another_one_meanwhile_is_not_on_record(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ArchiveBucket.put

    def put(self: Any, *given: Any) -> str:
        customer.tables.provisioning.update_item(
            Key=customer.key,
            UpdateExpression="SET database_path = :other",
            ExpressionAttributeValues={":other": "granja/other.duckdb"},
        )
        return real(self, *given)

    monkeypatch.setattr(ArchiveBucket, "put", put)

    with pytest.raises(GenerationSuperseded):
        customer.export()
    assert "DatabaseExported" not in customer.events()


# --- purge ------------------------------------------------------------------------------------------------------------


def canaries(customer: Customer) -> list[str]:
    """Where a canary sings."""
    found = [item["sk"] for item in customer.tables.items() if CANARY in json.dumps(item, default=str)]
    found += [name for name, content in customer.files().items() if CANARY.encode() in content]
    return found + [key for key, _ in customer.versions()]


def test_after_a_purge_nothing_of_the_tenant_is_left_but_the_receipt(gone: Customer) -> None:
    assert canaries(gone)
    manifest = gone.record.archive["manifest_sha256"]  # type: ignore[index]
    versions = len(gone.versions()) - 1  # less the mark of a deletion
    events = len(gone.events())

    receipt = gone.purge()

    assert canaries(gone) == []
    assert gone.files() == {}
    assert gone.events() == ["TenantPurged"]
    assert {item["sk"].split("#")[0] for item in gone.items()} == {"TENANT", "EVENT"}
    assert set(gone.raw) == {
        *("pk", "sk", "tenant_id", "status", "operation", "updated_at", "created_at", "purged"),
        *("generation", "attempt", "requested", "seen"),
    }
    assert (gone.record.status, gone.record.purged) == ("OFFBOARDED", receipt)
    assert (receipt["archive_files"], receipt["events"], receipt["database_files"]) == (versions, events, 2)
    assert receipt["manifests"] == [manifest]
    assert receipt["purged_by"] == "fluxion: ana"
    (event,) = [json.loads(item["detail"]) for item in gone.items() if "detail" in item]
    TYPES["TenantPurged"].model_validate(event["data"])
    assert {name: event["data"][name] for name in ("archive_files", "events", "manifests")} == {
        name: receipt[name] for name in ("archive_files", "events", "manifests")
    }
    assert [item["pk"] for item in gone.tables.items() if item["sk"] == "CLAIM"] == ["CLAIM#granja"]


def test_a_second_purge_answers_the_same_receipt(gone: Customer) -> None:
    receipt = gone.purge()
    after = gone.everything()

    assert gone.purge("another") == receipt
    assert gone.everything() == after


def test_a_purge_touches_nobody_else(gone: Customer) -> None:
    others = []
    for name in ("granja2", "exportsx"):
        other = Customer(gone.tables, gone.lifecycle, gone.s3, gone.folder, name)
        other.onboard()
        other.export()
        others.append(other)
    others[0].take_down()
    before = [other.everything() for other in others]

    gone.purge()

    assert [other.everything() for other in others] == before


def _fails(*_: object, **__: object) -> None:
    raise StorageUnavailable("not now")


def _dies(real: Callable[..., Any], place: int, moment: str) -> Callable[..., Any]:
    """The call of this place, counted from 1, is not made, or made and not answered."""
    calls = itertools.count(1)

    def call(*given: Any, **more: Any) -> Any:
        is_last = next(calls) == place
        answer = None if is_last and moment == "before" else real(*given, **more)
        if is_last:
            raise StorageUnavailable("not now")
        return answer

    return call


STEPS = [
    (Provisioning, "update", 1),
    (ArchiveBucket, "erase", 1),
    (erase, "erase", 1),
    (erase, "erase_set_aside", 1),
    (Provisioning, "sort_keys", 1),
    *((Transaction, "commit", place) for place in (1, 2, 3)),
]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(("where", "what", "place"), STEPS, ids=lambda each: getattr(each, "__name__", str(each)))
def test_a_purge_goes_on_after_a_crash(
    gone: Customer, monkeypatch: pytest.MonkeyPatch, where: Any, what: str, place: int, moment: str
) -> None:
    monkeypatch.setattr(purge, "ERASED_AT_ONCE", 4)
    events, versions = len(gone.events()), len(gone.versions()) - 1
    with monkeypatch.context() as broken:
        broken.setattr(where, what, _dies(getattr(where, what), place, moment))
        with pytest.raises(StorageUnavailable):
            gone.purge()

    receipt = gone.purge("again")

    assert canaries(gone) == []
    assert gone.events() == ["TenantPurged"]
    assert (receipt["events"], receipt["archive_files"], receipt["database_files"]) == (events, versions, 2)
    assert gone.purge("once more") == receipt


def test_only_what_is_taken_down_can_be_purged(customer: Customer) -> None:
    before = customer.everything()
    with pytest.raises(GenerationSuperseded, match="is ACTIVE"):
        customer.purge()
    with pytest.raises(GenerationSuperseded, match="no record"):
        Customer(customer.tables, customer.lifecycle, customer.s3, customer.folder, "nadie").purge()
    assert customer.everything() == before
    customer.take_down()
    customer.tables.insert("granja")
    customer.lifecycle.claim("granja", "back")

    with pytest.raises(LeaseHeldByOther):
        customer.purge()


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (Provisioning, "update"),
        (ArchiveBucket, "versions"),
        (ArchiveBucket, "some_versions"),
        (purge.TenantDatabases, "hold"),
        (Provisioning, "sort_keys"),
    ],
)
def test_of_a_tenant_that_is_back_nothing_more_is_erased(
    gone: Customer, monkeypatch: pytest.MonkeyPatch, where: Any, what: str
) -> None:
    real, back = getattr(where, what), []

    def returns(*given: Any, **more: Any) -> Any:
        if not back:
            back.append(True)
            (gone.tenants / "granja" / "old.duckdb").unlink(missing_ok=True)
            gone.onboard()
            gone.export("new life")
            back.append((gone.raw, gone.files(), [key for key in gone.versions() if key[0].startswith("exports/")]))
        return real(*given, **more)

    monkeypatch.setattr(where, what, returns)

    with pytest.raises(GenerationSuperseded):
        gone.purge()

    raw, files, exports = back[1]  # type: ignore[misc]
    assert (gone.raw, gone.files()) == (raw, files)
    assert [key for key in gone.versions() if key[0].startswith("exports/")] == exports
    assert len([item for item in gone.items() if item["sk"].startswith("EFFECT#")]) == 1


def test_one_that_is_back_and_gone_again_is_purged_again(gone: Customer) -> None:
    first = gone.purge()
    gone.onboard()
    gone.take_down()

    second = gone.purge()

    assert second["attempt"] > first["attempt"]
    assert canaries(gone) == []
    assert gone.events() == ["TenantPurged", "TenantPurged"]
    assert len({item["event_id"] for item in gone.items() if "event_id" in item}) == 2


def test_one_that_is_back_after_a_purge_begins_anew(gone: Customer) -> None:
    gone.purge()
    known = gone.record.generation

    gone.onboard()

    assert (gone.record.status, gone.record.generation > known) == ("ACTIVE", True)
    assert gone.record.attempt > gone.record.purged["attempt"]  # type: ignore[index]


def test_a_tenant_that_failed_is_purged_and_so_is_one_with_a_name_that_none_can_have(
    tables: Tables, lifecycle: Lifecycle, bucket: Any, tmp_path: Path
) -> None:
    (tmp_path / "tenants").mkdir()
    for name in ("granja", "../granja", "exports"):
        tables.insert(name, name="canario")
        lifecycle.fail(name, "InvalidTenantItem", f"name '{CANARY}' must not", execution=f"run {name}")
        bucket.put_object(Bucket="archive", Key="exports/other/x/manifest.json", Body=b"another's")
        failed = Customer(tables, lifecycle, bucket, tmp_path, name)

        receipt = failed.purge()

        assert failed.events() == ["TenantPurged"]
        assert CANARY not in json.dumps(failed.items(), default=str)
        assert (failed.record.status, receipt["archive_files"]) == ("OFFBOARDED", 0)
    assert len(bucket.list_object_versions(Bucket="archive")["Versions"]) == 3


def test_more_than_a_page_of_versions_is_erased(gone: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    s3 = ArchiveBucket("archive")._s3
    real, pages = s3.list_object_versions, []
    versions = len(gone.versions()) - 1

    def small(**given: Any) -> Any:
        pages.append(given["Prefix"])
        return real(**given, MaxKeys=3)

    monkeypatch.setattr(s3, "list_object_versions", small)

    assert gone.purge()["archive_files"] == versions

    assert gone.versions() == []
    assert len(pages) > 6


def test_what_is_not_erased_at_once_is_named_with_its_end(gone: Customer) -> None:
    remains = gone.purge()["remains"]

    ends = {each["where"]: each["until"] for each in remains}
    assert ends["logs"] > ends["point-in-time recovery of the tables"] > ends["request tables"] > clock.now()
    assert ends["mails that were sent"] is None


def test_how_long_it_is_kept_is_what_the_templates_say() -> None:
    root = Path(__file__).parents[4]
    template, data = ((root / name).read_text() for name in ("template.yaml", "data.yaml"))
    days = {where: days for where, _, days in purge.REMAINS}

    assert f"RetentionDays: {days['archive fluxion-tenants of the event bus']}\n" in template
    assert f"RetentionInDays: {days['logs']}\n" in template
    assert f"MessageRetentionPeriod: {days['queues'] * 86400}\n" in template  # type: ignore[operator]
    assert "RecoveryPeriodInDays" not in data, "35 days is what AWS takes by itself"
    rule = data.partition("- Id: PurgeExports")[2].partition("- Id:")[0]
    assert f"Prefix: {archive_bucket.EXPORTS}/" in rule
    assert f"ExpirationInDays: {export.KEPT_DAYS}\n" in rule
