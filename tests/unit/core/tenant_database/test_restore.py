"""SeedDatabase with an archive: proven rows or none, the old database archived first, whatever happens in between."""

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tenancy.database import publish
from tenancy.database.table_files import rows_of, schema_of
from tenancy.domain.errors import ArchiveDamaged, ArchiveMissing, StorageUnavailable, TenantDatabaseMissing
from tenancy.tenant_database import archive_bucket, restore

from ..conftest import last_event
from ..granja import Granja

pytestmark = pytest.mark.slow

ASKED_AT = "2026-11-24T12:00:00Z"


def asks(archive: str, asked_at: str = ASKED_AT) -> dict[str, dict[str, str]]:
    return {"restore": {"archive": archive, "asked_at": asked_at}}


@pytest.fixture
def archive(granja: Granja) -> str:
    """Somebody who sold `miel`, left, and is back with an empty shop that sells `arroz`. Returns the archive."""
    granja.live()
    granja.sell("miel")
    folder = granja.leave()
    granja.live()
    granja.sell("arroz")
    return folder


def manifest(bucket: Any, folder: str) -> dict[str, Any]:
    return dict(json.loads(bucket.get_object(Bucket="archive", Key=f"{folder}/manifest.json")["Body"].read()))


def hashes(granja: Granja) -> dict[str, str]:
    with granja.databases.open("granja", "read") as connection:
        return {name: rows_of(connection.table(name))[1] for name in schema_of(connection)}


def test_the_rows_are_back_and_what_was_there_is_archived(granja: Granja, archive: str, bucket: Any) -> None:
    before = granja.record.database_path
    granja.ask(**asks(archive))

    assert granja.seed() == {"changed": True}

    assert (granja.sells("miel"), granja.sells("arroz")) == (True, False)
    assert hashes(granja) == {name: table["rows_sha256"] for name, table in manifest(bucket, archive)["tables"].items()}
    record = granja.record
    assert record.restored == asks(archive)["restore"]
    assert record.restoring is None
    assert record.database_path != before
    assert granja.files() == [str(record.database_path).partition("/")[2]], "the old file is gone"
    told = last_event(granja.tables, "DatabaseSeeded")
    assert (told["created"], told["restored_from"]) == (True, archive)
    assert manifest(bucket, told["kept_as"])["database"] == before
    assert granja.seed() == {"changed": False}


def test_what_a_restore_has_replaced_can_be_restored_in_its_turn(granja: Granja, archive: str) -> None:
    granja.ask(**asks(archive))
    granja.seed()
    kept = granja.record.archive
    assert kept is not None

    granja.ask(**asks(kept["folder"]))
    granja.seed()

    assert (granja.sells("miel"), granja.sells("arroz")) == (False, True)


def test_a_restore_is_carried_out_once_and_again_when_it_is_asked_for_again(granja: Granja, archive: str) -> None:
    granja.ask(**asks(archive))
    granja.seed()
    granja.sell("tocino")

    granja.ask(**asks(archive), name="La Granja Nueva")
    granja.seed()
    assert granja.sells("tocino"), "another change of the item restores nothing"

    granja.ask(**asks(archive, "2026-11-24T13:00:00Z"), name="La Granja Nueva")
    granja.seed()
    assert not granja.sells("tocino")


def test_the_item_says_what_the_site_is_called_not_the_archive(granja: Granja, archive: str) -> None:
    granja.ask(**asks(archive), name="La Granja Nueva")
    granja.seed()

    with granja.databases.open("granja", "read") as connection:
        assert connection.execute("SELECT name FROM tenants").fetchone() == ("La Granja Nueva",)


def test_who_comes_back_may_bring_the_rows_along(granja: Granja) -> None:
    granja.live()
    granja.sell("miel")
    folder = granja.leave()

    granja.live(**asks(folder))

    assert granja.sells("miel")
    assert last_event(granja.tables, "DatabaseSeeded")["kept_as"] is None


def test_an_item_that_is_put_back_as_it_was_restores_again_after_the_tenant_was_gone(
    granja: Granja, archive: str
) -> None:
    granja.live(**asks(archive))
    granja.leave()

    granja.live(**asks(archive))

    assert granja.sells("miel"), "and does not begin with an empty shop"


def damaged_file(bucket: Any, folder: str) -> None:
    key = f"{folder}/products.parquet"
    content = bytearray(bucket.get_object(Bucket="archive", Key=key)["Body"].read())
    content[len(content) // 2] ^= 1
    bucket.put_object(Bucket="archive", Key=key, Body=bytes(content))


def another_file(bucket: Any, folder: str) -> None:
    """With the very rows, but not the one that was archived."""
    key = f"{folder}/products.parquet"
    with tempfile.TemporaryDirectory() as space, duckdb.connect() as connection:
        path = Path(space) / "products.parquet"
        path.write_bytes(bucket.get_object(Bucket="archive", Key=key)["Body"].read())
        connection.read_parquet(str(path)).write_parquet(f"{path}.new", compression="uncompressed")
        bucket.put_object(Bucket="archive", Key=key, Body=Path(f"{path}.new").read_bytes())


def missing_file(bucket: Any, folder: str) -> None:
    bucket.delete_object(Bucket="archive", Key=f"{folder}/orders.parquet")


def rewritten(change: Callable[[dict[str, Any]], object]) -> Callable[[Any, str], None]:
    def rewrite(bucket: Any, folder: str) -> None:
        found = manifest(bucket, folder)
        change(found)
        bucket.put_object(Bucket="archive", Key=f"{folder}/manifest.json", Body=json.dumps(found).encode())

    return rewrite


def swapped_rows(bucket: Any, folder: str) -> None:
    """A file that hashes as the manifest says, with other rows than it promises."""
    content = bucket.get_object(Bucket="archive", Key=f"{folder}/settings.parquet")["Body"].read()
    bucket.put_object(Bucket="archive", Key=f"{folder}/users.parquet", Body=content)
    digest = hashlib.sha256(content).hexdigest()
    rewritten(lambda found: found["tables"]["users"].update(file_sha256=digest))(bucket, folder)


def another_table(bucket: Any, folder: str) -> None:
    content = bucket.get_object(Bucket="archive", Key=f"{folder}/orders.parquet")["Body"].read()
    bucket.put_object(Bucket="archive", Key=f"{folder}/extra.parquet", Body=content)
    rewritten(lambda found: found["tables"].update(extra=found["tables"]["orders"]))(bucket, folder)


DAMAGE = {
    "a file": damaged_file,
    "another file": another_file,
    "a file that is missing": missing_file,
    "rows": swapped_rows,
    "counts": rewritten(lambda found: found["tables"]["products"].update(rows=1)),
    "another tenant": rewritten(lambda found: found.update(tenant_id="vecina")),
    "a schema of tomorrow": rewritten(lambda found: found.update(schema_version=99)),
    "a table too many": another_table,
    "a table's name": rewritten(lambda found: found["tables"].update({"../x": found["tables"]["orders"]})),
    "a table too few": rewritten(lambda found: found["tables"].pop("orders")),
    "no manifest at all": lambda bucket, folder: bucket.put_object(
        Bucket="archive", Key=f"{folder}/manifest.json", Body=b"{"
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_archive_changes_nothing(
    granja: Granja, archive: str, bucket: Any, damage: Callable[[Any, str], None]
) -> None:
    """Even where nobody has kept the manifest's own hash."""
    granja.forget_archive()
    files = granja.files()
    damage(bucket, archive)
    granja.ask(**asks(archive))

    with pytest.raises(ArchiveDamaged) as caught:
        granja.seed()

    assert archive in str(caught.value)
    assert granja.files() == files
    assert granja.sells("arroz")
    assert granja.record.restored is None


def test_a_manifest_that_was_exchanged_is_found_out_by_the_record(granja: Granja, bucket: Any) -> None:
    granja.live()
    folder = granja.leave()
    rewritten(lambda found: found.update(exported_at="2026-01-01T00:00:00Z"))(bucket, folder)
    granja.ask(**asks(folder))

    with pytest.raises(ArchiveDamaged, match="manifest"):
        granja.seed()


def test_an_archive_that_is_not_there_is_said_to_be_missing(granja: Granja) -> None:
    granja.live()
    granja.ask(**asks("granja/0123"))

    with pytest.raises(ArchiveMissing):
        granja.seed()


def test_the_rows_of_another_tenant_do_not_get_past_the_table(granja: Granja, archive: str, bucket: Any) -> None:
    """Their hashes are right, and so is the manifest's: only the rows are somebody else's."""
    with duckdb.connect() as connection:
        query = "SELECT * REPLACE ('vecina' AS tenant_id) FROM read_parquet(?)"
        Path(granja.settings.scratch_directory).mkdir(exist_ok=True)
        path = Path(granja.settings.scratch_directory) / "products.parquet"
        path.write_bytes(bucket.get_object(Bucket="archive", Key=f"{archive}/products.parquet")["Body"].read())
        foreign = connection.sql(query, params=[str(path)])
        rows, digest = rows_of(foreign)
        foreign.write_parquet(str(path.with_suffix(".new")))
    content = path.with_suffix(".new").read_bytes()
    bucket.put_object(Bucket="archive", Key=f"{archive}/products.parquet", Body=content)
    table = {"rows": rows, "rows_sha256": digest, "file_sha256": hashlib.sha256(content).hexdigest()}
    rewritten(lambda found: found["tables"]["products"].update(table))(bucket, archive)
    granja.ask(**asks(archive))
    granja.forget_archive()

    with pytest.raises(ArchiveDamaged, match="products"):
        granja.seed()


def _fails(*_: object, **__: object) -> None:
    raise StorageUnavailable("not now")


@pytest.mark.parametrize(
    ("where", "what"),
    [
        (archive_bucket.ArchiveBucket, "get"),
        (publish, "settled"),
        (archive_bucket.ArchiveBucket, "keep"),
        (restore.Run, "note"),
        (publish, "replace"),
        (publish, "publish"),
        (publish, "point"),
        (publish, "_remove_left_overs"),
        (restore.Run, "finish"),
    ],
)
def test_a_restore_that_fails_half_way_loses_no_row(
    granja: Granja, archive: str, bucket: Any, monkeypatch: pytest.MonkeyPatch, where: Any, what: str
) -> None:
    before = granja.record.database_path
    granja.ask(**asks(archive))
    with monkeypatch.context() as broken:
        broken.setattr(where, what, _fails)
        with pytest.raises(StorageUnavailable):
            granja.seed()
    assert granja.sells("miel") != granja.sells("arroz"), "the old one or the new one"

    assert granja.seed() == {"changed": True}

    assert granja.sells("miel")
    told = last_event(granja.tables, "DatabaseSeeded")
    assert manifest(bucket, told["kept_as"])["database"] == before
    assert len(granja.files()) == 1


def test_an_archive_of_this_very_database_is_not_overwritten_while_it_is_restored(
    granja: Granja, archive: str, bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An offboarding that was broken off, and taken back, leaves an archive of a database that lives on."""
    from tenancy.tenant_database.archive_bucket import ArchiveBucket

    with granja.databases.hold("granja") as folder:
        current = folder.current()
        assert current is not None
        kept = ArchiveBucket("archive").keep(current, "granja", Path(granja.settings.scratch_directory))
    granja.sell("queso")
    granja.ask(**asks(kept["folder"]))
    with monkeypatch.context() as broken:
        broken.setattr(publish, "replace", _fails)
        with pytest.raises(StorageUnavailable):
            granja.seed()

    granja.seed()

    assert (granja.sells("arroz"), granja.sells("queso")) == (True, False)
    assert last_event(granja.tables, "DatabaseSeeded")["kept_as"] != kept["folder"]


def test_a_restore_brings_back_a_database_whose_file_is_lost(granja: Granja, archive: str) -> None:
    (granja.folder.parent / str(granja.record.database_path)).unlink()
    granja.ask(name="Otro")
    with pytest.raises(TenantDatabaseMissing):
        granja.seed()

    granja.ask(**asks(archive))
    granja.seed()

    assert granja.sells("miel")


def test_a_restore_that_is_taken_back_after_it_was_published_is_no_lost_database(
    granja: Granja, archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    granja.ask(**asks(archive))
    with monkeypatch.context() as broken:
        broken.setattr(restore.Run, "finish", _fails)
        with pytest.raises(StorageUnavailable):
            granja.seed()

    granja.ask(name="Otro")
    granja.seed()

    assert granja.sells("miel")
    assert str(granja.record.database_path).endswith(granja.files()[0])
