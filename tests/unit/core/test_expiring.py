"""Archives that the bucket has removed by itself, and what the record says of them."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from tenancy.database.parquet import MANIFEST
from tenancy.domain.events import TYPES
from tenancy.domain.record import DueFor
from tenancy.platform import clock
from tenancy.reconcile import expire_archives
from tenancy.reconcile.expire_archives import ExpiringArchives
from tenancy.tables.archives import Archives
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import ConditionFailed, Transaction

from .conftest import Lifecycle, Tables, reconcile_settings
from .gone import Customer

pytestmark = pytest.mark.slow


@pytest.fixture
def gone(tables: Tables, lifecycle: Lifecycle, tmp_path: Path) -> Customer:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="archive")
    (tmp_path / "tenants").mkdir()
    customer = Customer(tables, lifecycle, s3, tmp_path)
    customer.onboard()
    customer.take_down()
    return customer


def note_expired() -> list[str]:
    return ExpiringArchives(reconcile_settings()).note_expired()


def archives(customer: Customer) -> list[dict[str, Any]]:
    return [item for item in customer.items() if item["sk"].startswith("ARCHIVE#")]


def expire(customer: Customer, folder: str, *, due: bool = True) -> None:
    """What the bucket's lifecycle does; and it is time to look."""
    for item in customer.s3.list_objects_v2(Bucket="archive", Prefix=f"{folder}/")["Contents"]:
        customer.s3.delete_object(Bucket="archive", Key=item["Key"])
    if due:
        make_due(customer, folder)


def make_due(customer: Customer, folder: str) -> None:
    customer.tables.provisioning.update_item(
        Key={"pk": customer.key["pk"], "sk": f"ARCHIVE#{folder}"},
        UpdateExpression="SET due_at = :now",
        ExpressionAttributeValues={":now": clock.now()},
    )


def folder_of(customer: Customer) -> str:
    assert customer.record.archive is not None
    return str(customer.record.archive["folder"])


def test_an_archive_that_is_there_is_looked_for_when_it_should_be_gone_and_then_every_day(gone: Customer) -> None:
    assert note_expired() == []

    (archive,) = archives(gone)
    days = datetime.fromisoformat(archive["due_at"]) - datetime.fromisoformat(archive["exported_at"])
    assert days.days == 90
    assert note_expired() == []
    (gone_late,) = archives(gone)
    assert gone_late == archive, "it is not due"
    gone.tables.provisioning.update_item(
        Key={"pk": archive["pk"], "sk": archive["sk"]},
        UpdateExpression="SET due_at = :old, exported_at = :old",
        ExpressionAttributeValues={":old": "2026-01-01T00:00:00.000Z"},
    )

    assert note_expired() == []

    (late,) = archives(gone)
    assert clock.now(86_000) < late["due_at"] < clock.now(87_000)
    assert gone.record.archive is not None


def test_an_archive_that_is_gone_is_not_claimed_any_more(gone: Customer) -> None:
    folder, digest = folder_of(gone), gone.record.archive["manifest_sha256"]  # type: ignore[index]
    before = gone.raw
    expire(gone, folder)

    assert note_expired() == [folder]

    assert gone.record.archive is None
    assert {**gone.raw, "updated_at": ""} == {
        **{key: value for key, value in before.items() if key != "archive"},
        "updated_at": "",
    }
    assert archives(gone) == []
    (event,) = [json.loads(item["detail"]) for item in gone.items() if item.get("type") == "ArchiveExpired"]
    TYPES["ArchiveExpired"].model_validate(event["data"])
    assert (event["data"]["archive"], event["data"]["manifest_sha256"]) == (folder, digest)
    assert note_expired() == []


def test_a_tenant_that_is_back_keeps_its_database_and_loses_the_claim_of_its_former_life(gone: Customer) -> None:
    folder = folder_of(gone)
    gone.onboard()
    expire(gone, folder)
    before = gone.record

    assert note_expired() == [folder]

    assert gone.record.model_copy(update={"updated_at": ""}) == before.model_copy(
        update={"updated_at": "", "archive": None}
    )


def test_each_of_several_archives_expires_for_itself(gone: Customer) -> None:
    first = folder_of(gone)
    gone.onboard()
    gone.take_down()
    second = folder_of(gone)
    make_due(gone, second)
    expire(gone, first)

    assert note_expired() == [first]

    assert (folder_of(gone), len(archives(gone))) == (second, 1)
    expire(gone, second)
    assert note_expired() == [second]
    assert gone.record.archive is None
    assert gone.events().count("ArchiveExpired") == 2


def test_another_file_of_the_archive_is_no_archive(gone: Customer) -> None:
    folder = folder_of(gone)
    gone.s3.delete_object(Bucket="archive", Key=f"{folder}/{MANIFEST}")
    gone.s3.put_object(Bucket="archive", Key=f"{folder}/{MANIFEST}.bak", Body=b"")

    assert note_expired() == [folder]


@pytest.mark.parametrize(("part", "what"), [(Transaction, "commit"), (Archives, "forget")])
def test_a_look_that_fails_half_way_is_repeated(
    gone: Customer, monkeypatch: pytest.MonkeyPatch, part: type, what: str
) -> None:
    folder = folder_of(gone)
    expire(gone, folder)

    def fails(*_: object, **__: object) -> None:
        raise ConditionFailed("granja") if what == "commit" else RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(part, what, fails)
        if what == "commit":
            assert note_expired() == []
        else:
            with pytest.raises(RuntimeError):
                note_expired()

    assert note_expired() == [folder]
    assert (gone.record.archive, archives(gone)) == (None, [])
    assert gone.events().count("ArchiveExpired") == 1


def test_what_was_erased_meanwhile_does_not_come_back(gone: Customer) -> None:
    on_record = Provisioning("provisioning").archives
    (kept,) = on_record.of("granja")
    on_record.forget(kept)

    on_record.look_again(kept, clock.now())

    assert archives(gone) == []


def test_the_manifest_has_the_name_that_is_looked_for() -> None:
    assert (expire_archives.MANIFEST, DueFor.EXPIRY) == (MANIFEST, "expiry")
