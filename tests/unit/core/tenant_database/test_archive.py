"""ArchiveDatabase: archive first, then the database goes, whatever happens in between."""

from pathlib import Path
from typing import Any

import pytest

from tenancy.database import publish
from tenancy.domain.errors import GenerationSuperseded, StorageUnavailable, TenantDatabaseMissing
from tenancy.platform import clock
from tenancy.platform.settings import ArchiveSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tenant_database import archive, archive_bucket
from tenancy.tenant_database.archive import ArchiveDatabase
from tenancy.tenant_database.seed import SeedDatabase

from ..conftest import Lifecycle, Tables, generation_call

pytestmark = pytest.mark.slow

RUN = "off"


def settings(folder: Path) -> ArchiveSettings:
    return ArchiveSettings(
        provisioning_table="provisioning",
        tenants_directory=str(folder / "tenants"),
        scratch_directory=str(folder / "scratch"),
        archive_bucket="archive",
    )


@pytest.fixture
def leaving(tables: Tables, lifecycle: Lifecycle, tmp_path: Path, bucket: Any) -> str:
    """A tenant at the end of its grace period. Returns its database's path."""
    (tmp_path / "tenants").mkdir()
    tables.insert("granja")
    lifecycle.claim("granja", "on")
    SeedDatabase(settings(tmp_path)).seed(generation_call("SeedDatabase", "on"))
    lifecycle.activate("granja", "on")
    lifecycle.end("on")
    tables.tenants.delete_item(Key={"tenant_id": "granja"})
    lifecycle.hold("granja", "hold")
    lifecycle.end("hold")
    tables.provisioning.update_item(
        Key={"pk": "TENANT#granja", "sk": "TENANT"},
        UpdateExpression="SET due_at = :past, hold_until = :past",
        ExpressionAttributeValues={":past": clock.now(-1)},
    )
    lifecycle.hold("granja", RUN)
    record = Provisioning("provisioning").record("granja")
    assert record is not None
    assert record.database_path is not None
    return record.database_path


def archived(folder: Path) -> dict[str, Any]:
    return ArchiveDatabase(settings(folder)).archive(generation_call("ArchiveDatabase", RUN))


def keys(bucket: Any) -> list[str]:
    return [item["Key"] for item in bucket.list_objects_v2(Bucket="archive").get("Contents", [])]


def test_the_rows_are_archived_and_the_database_is_gone(
    leaving: str, tmp_path: Path, bucket: Any, provisioning: Provisioning, tables: Tables
) -> None:
    assert archived(tmp_path) == {"changed": True}

    folder = leaving.removesuffix(".duckdb")
    assert f"{folder}/manifest.json" in keys(bucket)
    assert f"{folder}/tenants.parquet" in keys(bucket)
    assert list((tmp_path / "tenants").iterdir()) == []
    record = provisioning.record("granja")
    assert record is not None
    assert (record.database_path, record.archive["folder"], record.archive["rows"]["tenants"]) == (None, folder, 1)
    assert provisioning.effects.of("granja", "tenant_database") is None
    assert tables.events()[-1] == "DatabaseArchived"
    assert archived(tmp_path) == {"changed": False}, "once more is no harm"


def test_the_manifest_comes_last(leaving: str, tmp_path: Path, bucket: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[str] = []
    put = archive_bucket.ArchiveBucket.put

    def spied(self: Any, made: Any, suffix: str = "") -> str:
        real = self._s3.put_object
        monkeypatch.setattr(
            self,
            "_s3",
            type(
                "S3", (), {"put_object": staticmethod(lambda **given: (stored.append(given["Key"]), real(**given)))}
            )(),
        )
        return put(self, made, suffix)

    monkeypatch.setattr(archive_bucket.ArchiveBucket, "put", spied)
    archived(tmp_path)

    assert stored[-1].endswith("/manifest.json")
    assert sum(key.endswith("/manifest.json") for key in stored) == 1


def _fails(*_: object, **__: object) -> None:
    raise StorageUnavailable("not now")


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (archive_bucket.ArchiveBucket, "put"),
        (archive.Run, "note"),
        (publish, "discard"),
        (archive.Run, "finish"),
    ],
)
def test_a_try_that_fails_half_way_loses_no_row(
    leaving: str, tmp_path: Path, bucket: Any, monkeypatch: pytest.MonkeyPatch, where: Any, what: str
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(where, what, _fails)
        with pytest.raises(StorageUnavailable):
            archived(tmp_path)
    has_archive = any(key.endswith("/manifest.json") for key in keys(bucket))
    assert has_archive or (tmp_path / "tenants" / leaving).exists()

    assert archived(tmp_path) == {"changed": True}

    record = Provisioning("provisioning").record("granja")
    assert record is not None
    assert record.archive is not None
    assert record.archive["rows"]["tenants"] == 1
    assert list((tmp_path / "tenants").iterdir()) == []


def test_a_database_that_vanished_without_an_archive_is_no_success(leaving: str, tmp_path: Path) -> None:
    (tmp_path / "tenants" / leaving).unlink()

    with pytest.raises(TenantDatabaseMissing):
        archived(tmp_path)


def test_a_folder_that_vanished_without_an_archive_is_no_success(leaving: str, tmp_path: Path) -> None:
    for file in (tmp_path / "tenants" / "granja").iterdir():
        file.unlink()
    (tmp_path / "tenants" / "granja").rmdir()

    with pytest.raises(TenantDatabaseMissing, match="never archived"):
        archived(tmp_path)


def test_a_strangers_file_in_the_folder_stays(leaving: str, tmp_path: Path) -> None:
    stranger = tmp_path / "tenants" / "granja" / "notas.txt"
    stranger.write_text("somebody's only copy")

    archived(tmp_path)

    assert stranger.read_text() == "somebody's only copy"
    assert [path.name for path in stranger.parent.iterdir()] == ["notas.txt"]


@pytest.mark.parametrize("execution", ["on", "another"])
def test_nobody_but_the_holder_archives(leaving: str, tmp_path: Path, execution: str) -> None:
    with pytest.raises(GenerationSuperseded):
        ArchiveDatabase(settings(tmp_path)).archive(generation_call("ArchiveDatabase", execution))

    assert (tmp_path / "tenants" / leaving).exists()


def test_a_tenant_that_is_wanted_keeps_its_database(
    tables: Tables, lifecycle: Lifecycle, tmp_path: Path, bucket: Any
) -> None:
    (tmp_path / "tenants").mkdir()
    tables.insert("granja")
    lifecycle.claim("granja", RUN)
    SeedDatabase(settings(tmp_path)).seed(generation_call("SeedDatabase", RUN))

    with pytest.raises(GenerationSuperseded, match="wanted"):
        archived(tmp_path)
    assert keys(bucket) == []
