"""A customer takes its data away and is forgotten, on the shipped templates; the customer beside it notices nothing."""

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tenancy.domain.events import TYPES

from .embedded import EmbeddedAws, eventually
from .test_life import answers

pytestmark = pytest.mark.embedded_aws

TENANT, OTHER = "recibo-uno", "recibo-dos"
# In the item's name, its address, its settings, and a customer's row. No part of one is in any id.
NAME, EMAIL, SETTING, ROW = "Zafiro Nombrado", "zafiro.correo", "zafiroajuste", "zafirofila"
CANARIES = (NAME, EMAIL, SETTING, ROW)


def live(aws: EmbeddedAws, tenant: str, canaries: tuple[str, ...]) -> None:
    name, email, setting, row = canaries
    aws.onboard(tenant, name=name, contact_email=f"{email}@example.com", settings={"lema": setting})
    with aws.databases().open(tenant, "write") as connection:
        connection.execute(
            "INSERT INTO customers VALUES (?, 'c1', ?, NULL, NULL, NULL, now()::TIMESTAMP, now()::TIMESTAMP)",
            [tenant, row],
        )
    assert answers(aws, aws.host(tenant), "/api/tenant", 200)


@pytest.fixture(scope="module")
def two(embedded_aws: EmbeddedAws) -> EmbeddedAws:
    """Two customers. The other one has an export too, and goes on living."""
    live(embedded_aws, TENANT, CANARIES)
    live(embedded_aws, OTHER, tuple(canary.upper() for canary in CANARIES))
    embedded_aws.fluxion("tenants", "export", OTHER, "--to", f"{embedded_aws.environment['FLUXION_STATE_DIR']}/other")
    return embedded_aws


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def versions(aws: EmbeddedAws, tenant: str | None = None) -> dict[tuple[str, str], bytes]:
    """(key, version) → bytes, of all that the archive bucket has, or has of a tenant."""
    s3, bucket = aws.client("s3"), aws.archive_bucket
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket)
    found = {}
    for page in pages:
        for each in page.get("Versions", []) + page.get("DeleteMarkers", []):
            key, version = each["Key"], each["VersionId"]
            if tenant is None or key.startswith((f"{tenant}/", f"exports/{tenant}/")):
                body = (
                    s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read() if "Size" in each else b""
                )
                found[key, version] = body
    return found


def of_other(aws: EmbeddedAws) -> tuple[Any, ...]:
    """All that there is of the other customer."""
    item = aws.tenants.get_item(Key={"tenant_id": OTHER}, ConsistentRead=True)["Item"]
    files = contents(aws.data / OTHER)
    zone = {key: record for key, record in aws.zone().items() if key[0] == aws.host(OTHER)}
    return item, aws.items(OTHER), files, versions(aws, OTHER), zone


def test_an_export_is_what_its_manifest_says_and_has_the_rows(two: EmbeddedAws, tmp_path: Path) -> None:
    files = two.files(TENANT)
    receipt = two.fluxion("tenants", "export", TENANT, "--to", str(tmp_path / "out"))

    folder = tmp_path / "out"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest() == receipt["manifest_sha256"]
    for table in manifest["tables"].values():
        assert hashlib.sha256((folder / table["file"]).read_bytes()).hexdigest() == table["file_sha256"]
    with duckdb.connect() as connection:
        rows = connection.read_parquet(str(folder / manifest["tables"]["customers"]["file"])).fetchall()
    assert any(ROW in str(row) for row in rows)
    assert two.outbox(TENANT).count("DatabaseExported") == 1
    assert set(two.files(TENANT)) == set(files)
    assert answers(two, two.host(TENANT), "/api/tenant", 200)
    history = two.fluxion("tenants", "history", TENANT)
    assert [each["requested_by"] for each in history if each["event"] == "DatabaseExported"] == [
        receipt["requested_by"]
    ]


def test_a_customer_is_not_purged(two: EmbeddedAws) -> None:
    order = {"tenant_id": TENANT, "stage": "PurgeDatabase", "execution_arn": "", "requested_by": "x", "request": "r"}
    before = two.items(TENANT)

    answer = two.client("lambda").invoke(FunctionName="fluxion-tenant-database", Payload=json.dumps(order).encode())

    assert json.loads(answer["Payload"].read())["errorType"] == "GenerationSuperseded"
    assert two.items(TENANT) == before


def test_who_removed_it_is_in_its_history_and_the_archive_is_an_export_too(two: EmbeddedAws, tmp_path: Path) -> None:
    with two.bus(TENANT) as got:
        removed = two.fluxion("tenants", "remove", TENANT, "--yes")
        assert two.held(TENANT)["removed_by"] == removed["removed_by"]
        two.past_due(TENANT)
        two.reconcile()
        eventually(lambda: two.record(TENANT)["status"] == "OFFBOARDED", "the end")
        eventually(lambda: any(each["detail-type"] == "TenantOffboarded" for each in got()), "its event")

    history = two.fluxion("tenants", "history", TENANT)
    (last,) = [each for each in history if each["event"] == "TenantOffboarded"]
    assert last["requested_by"] == removed["removed_by"]
    receipt = two.fluxion("tenants", "export", TENANT, "--to", str(tmp_path / "out"))
    assert receipt["folder"] == two.record(TENANT)["archive"]["folder"]
    assert receipt["manifest_sha256"] == two.record(TENANT)["archive"]["manifest_sha256"]


def test_events_say_no_more_of_a_customer_than_they_promise(two: EmbeddedAws) -> None:
    for item in two.items(TENANT):
        if not item["sk"].startswith("EVENT#"):
            continue
        data = json.loads(item["detail"])["data"]
        assert set(data) <= set(TYPES[item["type"]].model_fields)
        told = json.dumps({key: value for key, value in data.items() if key not in ("name", "before", "after")})
        assert not [canary for canary in CANARIES if canary in told], item["type"]
        assert not [canary for canary in CANARIES[1:] if canary in item["detail"]], item["type"]


def test_after_the_purge_no_canary_is_found_and_the_other_customer_is_as_before(two: EmbeddedAws) -> None:
    assert places_of(two, CANARIES), "the search finds what is there"
    before = of_other(two)

    receipt = two.fluxion("tenants", "purge", TENANT, "--yes")

    assert places_of(two, CANARIES) == []
    assert versions(two, TENANT) == {}
    assert of_other(two) == before
    assert two.outbox(TENANT) == ["TenantPurged"]
    assert receipt["archive_files"] > 20, "an archive, and an export"
    assert receipt["manifests"]
    assert two.record(TENANT)["purged"]["purged_at"] == receipt["purged_at"]
    assert answers(two, two.host(TENANT), "/api/tenant", 404)
    assert answers(two, two.host(OTHER), "/api/tenant", 200)
    assert two.fluxion("tenants", "purge", TENANT, "--yes") == receipt
    assert receipt["purged_by"] == two.fluxion("tenants", "history", TENANT)[-1]["requested_by"]


def test_logs_and_mails_never_held_one(two: EmbeddedAws) -> None:
    state = Path(two.environment["FLUXION_STATE_DIR"])
    logs = contents(state / "logs")
    assert logs
    assert any(b"fluxion" in text for text in logs.values())
    cloudwatch = two.client("logs")
    for group in cloudwatch.get_paginator("describe_log_groups").paginate().search("logGroups[].logGroupName"):
        pages = cloudwatch.get_paginator("filter_log_events").paginate(logGroupName=group)
        logs[group] = "\n".join(each["message"] for page in pages for each in page["events"]).encode()
    assert any(TENANT.encode() in text for text in logs.values()), "the search finds what is there"
    logs["trace"] = (state / "trace.jsonl").read_bytes()
    logs |= {mail.subject: mail.text.encode() for mail in two.mailbox()}

    found = [name for name, text in logs.items() for canary in CANARIES if canary.encode() in text]

    assert found == []


def test_who_was_purged_may_come_back_and_begins_anew(two: EmbeddedAws) -> None:
    attempt = int(two.record(TENANT)["attempt"])
    two.insert(TENANT)

    record = two.settled(TENANT, attempt + 1)

    assert (record["status"], record["operation"]["kind"]) == ("ACTIVE", "onboard")
    eventually(partial(answers, two, two.host(TENANT), "/api/tenant", 200), "the site", 5)


def places_of(aws: EmbeddedAws, canaries: tuple[str, ...]) -> list[str]:
    """Where one of these is found: files, all versions in the bucket, all tables, and what the edge serves."""
    wanted = [canary.encode() for canary in canaries]
    texts = {f"file {name}": text for name, text in contents(aws.data).items()}
    texts |= {f"bucket {key} {version}": text for (key, version), text in versions(aws).items()}
    dynamodb = aws.client("dynamodb")
    for table in dynamodb.list_tables()["TableNames"]:
        for page in dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            texts |= {f"{table} {number}": repr(item).encode() for number, item in enumerate(page["Items"])}
    for path in ("/api/tenant", "/api/catalogue", "/"):
        texts[f"edge {path}"] = aws.get(aws.host(TENANT), path).content
    return [place for place, text in texts.items() if any(canary in text for canary in wanted)]
