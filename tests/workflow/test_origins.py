"""Where a tenant's rows can come from: an archive of its own, brought back on demand; a database that it shared with
others, before it was a tenant here.
"""

import hashlib
import json
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import pytest
from typer.testing import CliRunner

from cli import main
from control.stacks import Output
from tenancy.database.table_files import rows_of, schema_of

from .embedded import EmbeddedAws, eventually

pytestmark = pytest.mark.embedded_aws

WRITES = ("UpdateDistribution", "ChangeResourceRecordSets")


def proof(aws: EmbeddedAws, tenant: str) -> dict[str, tuple[int, str]]:
    """Of each table of a tenant's database how many rows it has, and their hash."""
    with aws.databases().open(tenant, "read") as connection:
        return {name: rows_of(connection.table(name)) for name in schema_of(connection)}


def proof_in(found: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {name: (table["rows"], table["rows_sha256"]) for name, table in found["tables"].items()}


def sell(aws: EmbeddedAws, tenant: str, product: str) -> None:
    with aws.databases().open(tenant, "write") as connection:
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
    embedded_aws.past_due(tenant)
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
    assert proof(embedded_aws, returned) == proof_in(embedded_aws.manifest(archive))
    event = told(embedded_aws, returned)
    assert event["restored_from"] == archive
    kept = embedded_aws.manifest(event["kept_as"])
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
    s3, bucket = embedded_aws.client("s3"), embedded_aws.archive_bucket
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


# --- who existed before -----------------------------------------------------------------------------------------------

LEGACY = ["granja-vieja", "vecina-vieja", "tercera-vieja"]
ADOPTED, *OTHERS = LEGACY
SHARED = "todos.duckdb"
TABLES = """
CREATE TABLE products (
    product_id VARCHAR, tenant_id VARCHAR, name VARCHAR, category VARCHAR, unit VARCHAR, price_cents INTEGER,
    currency VARCHAR, available BOOLEAN, created_at TIMESTAMP, updated_at TIMESTAMP
);
CREATE TABLE customers (
    tenant_id VARCHAR, customer_id VARCHAR, name VARCHAR, email VARCHAR, created_at TIMESTAMP, updated_at TIMESTAMP
);
CREATE TABLE orders (
    tenant_id VARCHAR, order_id VARCHAR, customer_id VARCHAR, status VARCHAR, total_cents BIGINT, currency VARCHAR,
    created_at TIMESTAMP, updated_at TIMESTAMP
);
"""
FILL = [
    "INSERT INTO products SELECT 'p' || i, $tenant, 'Producto ' || i || $tenant, 'Frutas', 'kg', 100 * i, 'COP',"
    " i % 2 = 0, '2026-01-01', '2026-01-02' FROM range(200) AS r(i)",
    "INSERT INTO customers SELECT $tenant, 'c' || i, 'Cliente ' || i, NULL, '2026-01-01', '2026-01-02'"
    " FROM range(30) AS r(i)",
    "INSERT INTO orders SELECT $tenant, 'o' || i, 'c' || i, 'placed', 1000 * i, 'COP', '2026-01-01', '2026-01-02'"
    " FROM range(30) AS r(i)",
]
# What served all of them before: it opens the file for each request, to read, until its input ends.
READER = """
import duckdb, json, select, sys
served, failed = 0, []
while not select.select([sys.stdin], [], [], 0.01)[0]:
    for tenant in sys.argv[2:]:
        try:
            with duckdb.connect(sys.argv[1], read_only=True) as connection:
                query = "SELECT count(*) FROM products WHERE tenant_id = ?"
                assert connection.execute(query, [tenant]).fetchone() == (200,)
            served += 1
        except Exception as error:
            failed.append(f"{tenant}: {error}")
print(json.dumps({"served": served, "failed": failed}))
"""


def shared_file(aws: EmbeddedAws, name: str = SHARED) -> Path:
    return aws.data / ".shared" / name


def make_shared(aws: EmbeddedAws, name: str, tenants: list[str]) -> Path:
    path = shared_file(aws, name)
    path.parent.mkdir(exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
        for tenant in tenants:
            for statement in FILL:
                connection.execute(statement, {"tenant": tenant})
    return path


def rows_in(path: Path, tenant: str) -> dict[str, tuple[int, str]]:
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = ("products", "customers", "orders")
        owner = duckdb.ColumnExpression("tenant_id") == duckdb.ConstantExpression(tenant)
        return {name: rows_of(connection.table(name).filter(owner)) for name in tables}


def set_up_by_hand(aws: EmbeddedAws, tenant: str) -> None:
    """Records and alias, as an operator made them before there was a control plane."""
    aws.rewrite_aliases(lambda aliases: aliases | {aws.host(tenant)})
    found = aws.client("cloudfront").get_distribution(Id=aws.outputs[Output.DISTRIBUTION])
    target = found["Distribution"]["DomainName"]
    alias = {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": target, "EvaluateTargetHealth": False}
    records = [{"Name": aws.host(tenant), "Type": kind, "AliasTarget": alias} for kind in ("A", "AAAA")]
    aws.change_zone("CREATE", *records)


def planned(aws: EmbeddedAws, tenant: str, database: str = SHARED) -> list[str]:
    """The command that a plan ends with."""
    given = ("tenants", "adopt", tenant, "--name", f"Mercado {tenant}", "--database", database)
    return shlex.split(aws.fluxion(*given)["command"])[1:]


@contextmanager
def legacy_reader(path: Path) -> Iterator[list[dict[str, Any]]]:
    """The old program serves all three meanwhile. Gives, after the block, what it says at its end."""
    said: list[dict[str, Any]] = []
    command = [sys.executable, "-c", READER, str(path), *LEGACY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        try:
            yield said
        finally:
            said.append(json.loads(reader.communicate("\n")[0]))


@contextmanager
def visitors(aws: EmbeddedAws, *tenants: str) -> Iterator[list[int]]:
    """Somebody asks for these sites all the time. Gives the status of each answer."""
    statuses: list[int] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            statuses.extend(aws.get(aws.host(tenant)).status_code for tenant in tenants)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield statuses
    finally:
        over.set()
        thread.join()


def test_one_of_three_in_a_shared_file_is_adopted_and_nobody_notices(embedded_aws: EmbeddedAws) -> None:
    for tenant in ("sitio-uno", "sitio-dos"):
        embedded_aws.onboard(tenant)
    path = make_shared(embedded_aws, SHARED, LEGACY)
    set_up_by_hand(embedded_aws, ADOPTED)
    zone, aliases = embedded_aws.zone(), embedded_aws.aliases()
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    rows = {tenant: rows_in(path, tenant) for tenant in LEGACY}

    with (
        legacy_reader(path) as reader,
        visitors(embedded_aws, "sitio-uno", "sitio-dos") as statuses,
        embedded_aws.trail() as trail,
    ):
        command = planned(embedded_aws, ADOPTED)
        assert embedded_aws.record(ADOPTED) == {}, "a plan writes nothing"
        embedded_aws.fluxion(*command, "--no-watch")
        record = embedded_aws.settled(ADOPTED)

    assert (record["status"], record["adopted"]["database"]) == ("ACTIVE", SHARED)
    assert "adopting" not in record
    assert trail.count(*WRITES) == 0
    assert (embedded_aws.zone(), sorted(embedded_aws.aliases())) == (zone, sorted(aliases))
    assert hashlib.sha256(path.read_bytes()).hexdigest() == content
    assert {tenant: rows_in(path, tenant) for tenant in LEGACY} == rows
    assert (reader[0]["failed"], set(statuses)) == ([], {200})
    assert reader[0]["served"] > 30
    assert len(statuses) > 10
    proven = {name: (int(table["rows"]), table["sha256"]) for name, table in record["adopted"]["tables"].items()}
    assert {name: count for name, (count, _) in proven.items()} == {"products": 200, "customers": 30, "orders": 30}
    assert in_columns_of(embedded_aws, path, ADOPTED) == proven
    assert told(embedded_aws, ADOPTED)["adopted_from"] == SHARED
    assert embedded_aws.get(embedded_aws.host(ADOPTED)).status_code == 200
    for tenant in OTHERS:
        assert embedded_aws.record(tenant) == {}
        assert embedded_aws.files(tenant) == {}


def in_columns_of(aws: EmbeddedAws, path: Path, tenant: str) -> dict[str, tuple[int, str]]:
    """Counts and hashes in the tenant's own database, over those columns that the shared one had."""
    with duckdb.connect(str(path), read_only=True) as connection:
        had = {name: set(connection.table(name).columns) for name in ("products", "customers", "orders")}
    with aws.databases().open(tenant, "read") as connection:
        return {
            name: rows_of(table.select(*(column for column in table.columns if column in had[name])))
            for name in had
            for table in [connection.table(name)]
        }


def test_an_adoption_that_fails_for_good_takes_nothing_away(embedded_aws: EmbeddedAws) -> None:
    tenant = "tardia-vieja"
    path = make_shared(embedded_aws, "tarde.duckdb", [tenant])
    set_up_by_hand(embedded_aws, tenant)
    zone, aliases = embedded_aws.zone(), embedded_aws.aliases()
    command = planned(embedded_aws, tenant, "tarde.duckdb")
    item = {"adopt": embedded_aws.fluxion(*command[: command.index("--confirm")])["adopt"]}
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE products SET price_cents = 1 WHERE product_id = 'p7'")
    refused = CliRunner().invoke(main.app, [*command, "--no-local"], env=dict(embedded_aws.environment))
    assert (refused.exit_code, embedded_aws.record(tenant)) == (1, {})

    with embedded_aws.trail() as trail:
        embedded_aws.insert(tenant, **item)  # as it would be, had somebody written between confirmation and copy
        record = embedded_aws.settled(tenant)

    assert (record["status"], record["last_error"]["code"]) == ("FAILED", "AdoptionProofDiffers")
    assert "table products" in record["last_error"]["message"]
    assert trail.count(*WRITES) == 0
    assert (embedded_aws.zone(), sorted(embedded_aws.aliases())) == (zone, sorted(aliases))
    assert [item for item in embedded_aws.left_over(tenant) if item.startswith(("EFFECT", "CLAIM", "file"))] == []

    embedded_aws.remove(tenant)
    eventually(lambda: embedded_aws.executions(tenant, "Offboard"), "the removal")
    embedded_aws.fluxion(*planned(embedded_aws, tenant, "tarde.duckdb"), "--no-watch")
    assert embedded_aws.settled(tenant, int(record["attempt"]) + 1)["status"] == "ACTIVE"
