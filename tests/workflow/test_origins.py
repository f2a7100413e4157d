"""Where a tenant's rows can come from: an archive of its own, brought back on demand."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tenancy.database import TenantDatabases
from tenancy.database.archive import rows_of
from tenancy.database.loading import schema_of

from .embedded import EmbeddedAws, eventually
from .test_life import archive_bucket, past_due

pytestmark = pytest.mark.embedded_aws

WRITES = ("UpdateDistribution", "ChangeResourceRecordSets")


def databases(aws: EmbeddedAws) -> TenantDatabases:
    return TenantDatabases(Path(aws.environment["FLUXION_DATA_DIR"]), idle_after=0)


def proof(aws: EmbeddedAws, tenant: str) -> dict[str, tuple[int, str]]:
    """Of each table of a tenant's database how many rows it has, and their hash."""
    with databases(aws).open(tenant, "read") as connection:
        return {name: rows_of(connection.table(name)) for name in schema_of(connection)}


def manifest(aws: EmbeddedAws, folder: str) -> dict[str, Any]:
    answer = aws.client("s3").get_object(Bucket=archive_bucket(aws), Key=f"{folder}/manifest.json")
    return dict(json.loads(answer["Body"].read()))


def proof_in(found: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {name: (table["rows"], table["rows_sha256"]) for name, table in found["tables"].items()}


def sell(aws: EmbeddedAws, tenant: str, product: str) -> None:
    with databases(aws).open(tenant, "write") as connection:
        connection.execute(
            "INSERT INTO products SELECT * REPLACE (? AS product_id) FROM products WHERE product_id = 'panela'",
            [product],
        )


def told(aws: EmbeddedAws, tenant: str) -> dict[str, Any]:
    """What the latest DatabaseSeeded says."""
    (*_, last) = (item for item in aws.items(tenant) if item.get("type") == "DatabaseSeeded")
    return dict(json.loads(last["detail"])["data"])


@pytest.fixture(scope="module")
def returned(embedded_aws: EmbeddedAws) -> str:
    """A tenant that had rows of its own, was removed, taken down, and is back with an empty shop."""
    tenant = "regreso"
    embedded_aws.onboard(tenant)
    sell(embedded_aws, tenant, "miel")
    embedded_aws.remove(tenant)
    past_due(embedded_aws, tenant)
    embedded_aws.reconcile()
    eventually(lambda: embedded_aws.record(tenant)["status"] == "OFFBOARDED", "the end")
    embedded_aws.insert(tenant)
    attempt = int(embedded_aws.record(tenant)["attempt"]) + 1
    assert embedded_aws.settled(tenant, attempt)["status"] == "ACTIVE"
    return tenant


def test_who_is_back_gets_the_rows_of_the_archive_with_the_same_hashes(
    embedded_aws: EmbeddedAws, returned: str
) -> None:
    record = embedded_aws.record(returned)
    archive, before = record["archive"]["folder"], record["database_path"]
    sell(embedded_aws, returned, "arroz")
    replaced = proof(embedded_aws, returned)

    with embedded_aws.trail() as trail:
        asked = {"archive": archive, "asked_at": "2026-11-24T12:00:00Z"}
        embedded_aws.insert(returned, restore=asked)
        record = embedded_aws.settled(returned, int(record["attempt"]) + 1)

    assert (record["status"], record["restored"]) == ("ACTIVE", asked)
    assert proof(embedded_aws, returned) == proof_in(manifest(embedded_aws, archive))
    event = told(embedded_aws, returned)
    assert event["restored_from"] == archive
    kept = manifest(embedded_aws, event["kept_as"])
    assert kept["database"] == before
    assert proof_in(kept) == replaced, "nothing of what was there is lost"
    assert [name for name in embedded_aws.files(returned) if name.endswith(".duckdb")] == [
        record["database_path"].partition("/")[2]
    ]
    assert trail.count(*WRITES) == 0
    assert embedded_aws.get(embedded_aws.host(returned)).status_code == 200


def test_a_damaged_archive_leaves_a_live_tenant_as_it_was_and_tells_a_person(
    embedded_aws: EmbeddedAws, returned: str
) -> None:
    record = embedded_aws.record(returned)
    archive = record["archive"]["folder"]
    key = f"{archive}/products.parquet"
    s3, bucket = embedded_aws.client("s3"), archive_bucket(embedded_aws)
    content = bytearray(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    content[len(content) // 2] ^= 1
    s3.put_object(Bucket=bucket, Key=key, Body=bytes(content))
    before, files = proof(embedded_aws, returned), embedded_aws.files(returned)

    asked = {"archive": archive, "asked_at": "2026-11-24T13:00:00Z"}
    embedded_aws.insert(returned, restore=asked)
    after = embedded_aws.settled(returned, int(record["attempt"]) + 1)

    assert (after["status"], after["last_error"]["code"]) == ("ACTIVE", "ArchiveDamaged")
    assert after["database_path"] == record["database_path"]
    assert (proof(embedded_aws, returned), embedded_aws.files(returned)) == (before, files)
    assert "products.parquet" in embedded_aws.mail(returned)
    site = partial(embedded_aws.get, embedded_aws.host(returned))
    assert site().status_code == 200

    embedded_aws.insert(returned)  # taken back: the next run has nothing to restore
    assert embedded_aws.settled(returned, int(after["attempt"]) + 1)["operation"]["state"] == "SUCCEEDED"
    assert proof(embedded_aws, returned) == before
