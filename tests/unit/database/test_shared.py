"""A database that several tenants share: read, never written, and nothing left behind without a word."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tenancy.database import publish, shared
from tenancy.database.row_source import NewDatabase, Unfit
from tenancy.database.seed import TenantSeeder
from tenancy.database.table_files import rows_of
from tenancy.domain.errors import SharedDatabaseUnfit, TenantDatabaseBusy

TABLES = """
CREATE TABLE products (
    product_id VARCHAR, tenant_id VARCHAR, name VARCHAR, category VARCHAR, unit VARCHAR, price_cents INTEGER,
    currency VARCHAR, created_at TIMESTAMP, updated_at TIMESTAMP
);
CREATE TABLE customers (
    tenant_id VARCHAR, customer_id VARCHAR, name VARCHAR, created_at TIMESTAMP, updated_at TIMESTAMP
);
CREATE TABLE countries (code VARCHAR);
INSERT INTO countries VALUES ('CO');
INSERT INTO products SELECT 'p' || i, t, 'Product ' || i, 'Frutas', 'kg', 100 * i, 'COP', '2026-01-01', '2026-01-01'
FROM range(1, 8) AS r(i), (VALUES ('granja'), ('vecina'), ('tercera')) AS x(t);
INSERT INTO customers VALUES ('vecina', 'c', 'Ana', '2026-01-01', '2026-01-01');
"""


@pytest.fixture
def shop(directory: Path) -> Path:
    path = directory / ".shared" / "todos.duckdb"
    path.parent.mkdir()
    with duckdb.connect(str(path)) as connection:
        connection.execute(TABLES)
    return path


def change(shop: Path, sql: str) -> None:
    with duckdb.connect(str(shop)) as connection:
        connection.execute(sql)


def test_the_rows_of_one_tenant_are_counted_and_hashed_as_they_will_be_loaded(
    directory: Path, scratch: Path, shop: Path
) -> None:
    before = hashlib.sha256(shop.read_bytes()).hexdigest()

    with publish.workshop(scratch) as space:
        seen = shared.inspected(directory, "todos.duckdb", "granja", space)
        found = shared.taken(directory, "todos.duckdb", "granja", space)
        rows = TenantSeeder(directory, scratch).configuration({"tenant_id": "granja", "name": "La Granja"}, 1)
        with NewDatabase(rows, found).built(scratch) as database:
            shutil.copy(database, directory / "copy.duckdb")

    assert {name: (table.rows, table.rows_sha256) for name, table in found.tables.items()} == seen
    assert {name: rows for name, (rows, _) in seen.items()} == {"products": 7, "customers": 0}
    with duckdb.connect(str(directory / "copy.duckdb")) as copy:
        given = copy.sql("SELECT * EXCLUDE (description, available) FROM products")
        assert rows_of(given) == seen["products"]
        assert copy.execute("SELECT DISTINCT tenant_id, description, available FROM products").fetchall() == [
            ("granja", "", True)
        ]
        assert copy.execute("SELECT name FROM tenants").fetchall() == [("La Granja",)]
    assert hashlib.sha256(shop.read_bytes()).hexdigest() == before
    assert [path.name for path in shop.parent.iterdir()] == ["todos.duckdb"]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("ALTER TABLE products ADD COLUMN secret VARCHAR", "table products has a column.*'secret'"),
        ("ALTER TABLE products DROP COLUMN unit", "table products lacks the column unit"),
        ("ALTER TABLE customers DROP COLUMN tenant_id", "table customers lacks the column tenant_id"),
        ("CREATE TABLE notes AS SELECT 'granja' AS tenant_id, 'x' AS note", "'notes' has rows of the tenant"),
        ("ALTER TABLE products ALTER price_cents TYPE VARCHAR USING 'many'", "values that the schema does not take"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(directory: Path, scratch: Path, shop: Path, sql: str, words: str) -> None:
    change(shop, sql)

    with publish.workshop(scratch) as space, pytest.raises(SharedDatabaseUnfit, match=words):
        shared.inspected(directory, "todos.duckdb", "granja", space)


def test_a_table_that_is_nobody_s_or_others_alone_is_in_nobody_s_way(
    directory: Path, scratch: Path, shop: Path
) -> None:
    change(shop, "CREATE TABLE notes AS SELECT 'vecina' AS tenant_id, 'x' AS note")

    with publish.workshop(scratch) as space:
        assert set(shared.inspected(directory, "todos.duckdb", "granja", space)) == {"products", "customers"}


@pytest.mark.parametrize(
    "name",
    ["../granja/x.duckdb", "..", "", "a/b.duckdb", "/etc/passwd", ".x.duckdb", "todos", "nothing.duckdb", "l.duckdb"],
)
def test_no_name_leads_out_of_the_folder(directory: Path, scratch: Path, shop: Path, name: str) -> None:
    (shop.parent / "l.duckdb").symlink_to(shop)

    with publish.workshop(scratch) as space, pytest.raises(SharedDatabaseUnfit):
        shared.inspected(directory, name, "granja", space)


def test_what_is_no_database_is_said_to_be_none(directory: Path, scratch: Path, shop: Path) -> None:
    (shop.parent / "text.duckdb").write_text("x" * 10_000)

    with publish.workshop(scratch) as space, pytest.raises(SharedDatabaseUnfit, match="no database"):
        shared.inspected(directory, "text.duckdb", "granja", space)


def test_somebody_who_writes_is_waited_for(directory: Path, scratch: Path, shop: Path) -> None:
    script = "import duckdb, sys\nc = duckdb.connect(sys.argv[1])\nprint('open', flush=True)\nsys.stdin.read()\n"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(shop)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        with publish.workshop(scratch) as space, pytest.raises(TenantDatabaseBusy):
            shared.inspected(directory, "todos.duckdb", "granja", space)
        writer.communicate("")


def test_rows_that_break_a_rule_of_the_schema_are_not_taken(directory: Path, scratch: Path, shop: Path) -> None:
    change(shop, "UPDATE products SET price_cents = -1 WHERE tenant_id = 'granja' AND product_id = 'p1'")

    with publish.workshop(scratch) as space:
        found = shared.taken(directory, "todos.duckdb", "granja", space)
        rows = TenantSeeder(directory, scratch).configuration({"tenant_id": "granja", "name": "La Granja"}, 1)
        with (
            pytest.raises(Unfit, match="products"),
            NewDatabase(rows, found).built(scratch),
        ):
            pytest.fail("it is to be refused")


def test_rows_that_a_killed_writer_had_committed_are_taken_and_its_log_stays(
    directory: Path, scratch: Path, shop: Path
) -> None:
    script = (
        "import duckdb, os, sys\n"
        "c = duckdb.connect(sys.argv[1])\n"
        "c.execute(\"DELETE FROM products WHERE tenant_id = 'granja' AND product_id = 'p1'\")\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(shop)], check=False)
    log = shop.with_name(f"{shop.name}.wal")
    before = {path: path.read_bytes() for path in (shop, log)}

    with publish.workshop(scratch) as space:
        assert shared.inspected(directory, "todos.duckdb", "granja", space)["products"][0] == 6

    assert {path: path.read_bytes() for path in (shop, log)} == before
