import json
from datetime import UTC, datetime
from decimal import Decimal

import duckdb
import pytest

from tenancy.database import TenantDatabases, TenantSeeder, schema_versions
from tenancy.domain.errors import InvalidTenantItem, StorageFull

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 2, 2)  # noqa: DTZ001


@pytest.fixture
def rows(directory):
    def select(sql, *parameters, tenant_id="granja"):
        with TenantDatabases(directory, idle_after=0).open(tenant_id, "read") as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    return select


def snapshot(*folders):
    """Everything that an operation on files could change."""
    return {
        str(entry): (entry.stat().st_ino, entry.stat().st_size, entry.stat().st_mtime_ns, entry.stat().st_ctime_ns)
        for folder in folders
        for entry in [folder, *folder.rglob("*")]
    }


def test_the_items_values_are_rows(directory, scratch, spec, rows):
    result = TenantSeeder(directory, scratch, now=lambda: NOW).seed(spec(), 7)

    assert result.created
    assert result.changed
    assert result.schema_version == schema_versions.latest_version()
    assert (directory / result.database_path).is_file()
    naive = NOW.replace(tzinfo=None)
    assert rows("SELECT * FROM tenants") == [
        ("granja", "La Granja Mercado", "standard", "hola@example.org", naive, naive)
    ]
    assert rows("SELECT key, value FROM settings ORDER BY key") == [("colour", '"#2e7d32"'), ("locale", '"es-CO"')]
    assert rows("SELECT email, role FROM users") == [("hola@example.org", "admin")]
    assert rows("SELECT count(*) FROM customers") == [(0,)]
    assert rows("SELECT count(*), count(DISTINCT product_id), min(currency) FROM products") == [(21, 21, "COP")]
    assert rows("SELECT price_cents, unit FROM products WHERE product_id = 'banano'") == [(320_000, "kg")]
    ((action, detail),) = rows("SELECT action, detail FROM audit_log")
    assert action == "tenant.seeded"
    assert json.loads(detail) == {"generation": 7, "before": None, "after": result.content_digest}


def test_without_contact_and_settings_there_is_no_user_and_no_setting(seeder, rows):
    seeder.seed({"tenant_id": "granja", "name": "La Granja"}, 1)
    assert rows("SELECT tier, contact_email FROM tenants") == [("standard", None)]
    assert rows("SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM settings)") == [(0, 0)]


def test_an_unchanged_tenant_causes_no_change_of_any_file(directory, scratch, seeder, spec):
    first = seeder.seed(spec(), 1)
    before = snapshot(directory, scratch)

    again = seeder.seed(spec(settings={"locale": "es-CO", "colour": "#2e7d32"}), 2)

    assert snapshot(directory, scratch) == before
    assert (again.created, again.changed) == (False, False)
    assert (again.database_path, again.content_digest) == (first.database_path, first.content_digest)


def test_numbers_are_the_same_whatever_type_they_came_in(seeder, spec):
    first = seeder.seed(spec(settings={"n": 3, "x": 1.5, "yes": True, "deep": {"a": [1, 2]}}), 1)
    again = seeder.seed(
        spec(settings={"n": Decimal(3), "x": Decimal("1.5"), "yes": True, "deep": {"a": [Decimal(1), 2.0]}}), 1
    )
    assert not again.changed
    assert again.content_digest == first.content_digest
    assert seeder.seed(spec(settings={"n": 3, "x": 1.5, "yes": 1, "deep": {"a": [1, 2]}}), 1).changed


@pytest.mark.parametrize(
    "change",
    [
        {"name": "Otro"},
        {"tier": "premium", "contact_email": "x@example.org"},
        {"contact_email": None, "settings": {}},
        {"settings": {"colour": "#000"}},
        {"settings": {"locale": "es-CO", "colour": "#2e7d32", "a": 1}},
    ],
)
def test_a_change_is_written_into_the_same_file_and_touches_no_other_row(seeder, spec, rows, change, seeded):
    first = seeded
    products = rows("SELECT * FROM products ORDER BY ALL")

    changed = seeder.seed(spec(**change), 2)

    assert (changed.changed, changed.created, changed.database_path) == (True, False, first.database_path)
    assert changed.content_digest != first.content_digest
    wanted = spec(**change)
    assert rows("SELECT name, tier, contact_email FROM tenants") == [
        (wanted["name"], wanted["tier"], wanted["contact_email"])
    ]
    assert {key: json.loads(value) for key, value in rows("SELECT key, value FROM settings")} == wanted["settings"]
    assert rows("SELECT email FROM users") == ([(wanted["contact_email"],)] if wanted["contact_email"] else [])
    assert rows("SELECT * FROM products ORDER BY ALL") == products
    assert not seeder.seed(spec(**change), 3).changed
    assert seeder.seed(spec(), 4).content_digest == first.content_digest


def test_of_two_runs_with_the_same_change_the_second_writes_nothing(seeder, spec, rows, seeded, monkeypatch):
    # Both have seen the old rows; the first has written meanwhile.
    monkeypatch.setattr(TenantSeeder, "_unchanged", lambda *arguments: None)
    first, second = seeder.seed(spec(name="Otro"), 2), seeder.seed(spec(name="Otro"), 2)
    assert (first.changed, second.changed) == (True, False)
    assert first.content_digest == second.content_digest
    assert rows("SELECT count(*) FROM audit_log WHERE action = 'tenant.configured'") == [(1,)]


def test_a_change_keeps_users_that_the_tenant_added(directory, seeder, spec, rows, seeded):
    with TenantDatabases(directory).open("granja", "write") as connection:
        connection.execute(
            "INSERT INTO users VALUES ('granja', 'u1', 'ana@example.org', 'staff', now()::TIMESTAMP, now()::TIMESTAMP)"
        )
    seeder.seed(spec(contact_email=None), 2)
    assert rows("SELECT user_id FROM users") == [("u1",)]


def test_a_change_that_fails_half_way_leaves_the_old_configuration(seeder, spec, rows, monkeypatch, seeded):
    from tenancy.database import configuration

    def fail(*arguments, **options):
        raise duckdb.IOException("Could not write file: No space left on device")

    monkeypatch.setattr(configuration.ConfigurationRows, "_log", fail)
    with pytest.raises(StorageFull):
        seeder.seed(spec(name="Otro", settings={}), 2)
    monkeypatch.undo()
    assert not seeder.seed(spec(), 3).changed
    assert rows("SELECT name FROM tenants") == [("La Granja Mercado",)]
    assert seeded.content_digest == seeder.seed(spec(), 4).content_digest


@pytest.mark.parametrize("tenant_id", ["../granja", "www", "", "Granja", "gran'ja", "granja' OR '1'='1"])
def test_a_name_that_no_tenant_can_have_creates_nothing(directory, scratch, seeder, spec, tenant_id):
    with pytest.raises(InvalidTenantItem):
        seeder.seed(spec(tenant_id), 1)
    assert list(directory.iterdir()) == []


def test_names_and_settings_are_values_and_never_sql(seeder, spec, rows):
    name = "O'Higgins \"; DROP TABLE tenants; -- ñ 🌽"
    seeder.seed(spec(name=name, settings={"motto": "'); DELETE FROM products; --"}), 1)
    assert rows("SELECT name FROM tenants") == [(name,)]
    assert rows("SELECT count(*) FROM products") == [(21,)]


def test_every_table_has_the_tenant_first_in_its_key_and_admits_no_other_tenant(directory, seeder, spec, rows):
    seeder.seed(spec(), 1)
    seeder.seed(spec("vecino"), 1)
    tables = {table for (table,) in rows("SELECT table_name FROM duckdb_tables()")}
    constraints = "SELECT table_name, constraint_column_names, constraint_text FROM duckdb_constraints() "
    keys = {table: names[0] for table, names, _ in rows(f"{constraints} WHERE constraint_type = 'PRIMARY KEY'")}
    checks = rows(f"{constraints} WHERE constraint_type = 'CHECK'")
    assert keys == dict.fromkeys(tables, "tenant_id")
    assert {table for table, _, text in checks if text == "CHECK((tenant_id = 'granja'))"} == tables
    with TenantDatabases(directory).open("granja", "write") as connection:
        samples = {
            "tenants": "('vecino', 'V', 'basic', NULL, $now, $now)",
            "users": "('vecino', 'u', 'a@example.org', 'staff', $now, $now)",
            "settings": "('vecino', 'k', '1', $now)",
            "products": "('vecino', 'p', 'P', '', 'c', 'kg', 1, 'COP', true, $now, $now)",
            "customers": "('vecino', 'c', 'C', NULL, NULL, NULL, $now, $now)",
            "orders": "('vecino', 'o', 'c', 'placed', 1, 'COP', '', $now, $now)",
            "order_items": "('vecino', 'o', 1, 'p', 'P', 1, 1, 'COP')",
            "audit_log": "('vecino', 'e', $now, 'a', 'b', '{}')",
            "schema_version": "('vecino', 9, 'n', $now)",
        }
        assert set(samples) <= tables
        for table, row in samples.items():
            now = {"now": LATER} if "$now" in row else {}
            for foreign in (row, row.replace("'vecino'", "'otro'"), row.replace("'vecino'", "NULL")):
                with pytest.raises(duckdb.ConstraintException, match="tenant_id"):
                    connection.execute(f"INSERT INTO {table} VALUES {foreign}", now)  # noqa: S608


def test_an_order_refers_to_rows_that_are_there(directory, seeder, spec, rows):
    seeder.seed(spec(), 1)
    now = "TIMESTAMP '2026-01-01'"
    with TenantDatabases(directory).open("granja", "write") as connection:
        order = f"INSERT INTO orders VALUES ('granja', 'o1', 'c1', 'placed', 640000, 'COP', '', {now}, {now})"  # noqa: S608
        with pytest.raises(duckdb.ConstraintException):
            connection.execute(order)
        connection.execute(f"INSERT INTO customers VALUES ('granja', 'c1', 'Ana', NULL, NULL, NULL, {now}, {now})")  # noqa: S608
        connection.execute(order)
        connection.execute("INSERT INTO order_items VALUES ('granja', 'o1', 1, 'banano', 'Banano', 2, 320000, 'COP')")
        connection.execute("UPDATE orders SET status = 'confirmed'")
        connection.execute("UPDATE customers SET name = 'Ana María'")
    assert rows("SELECT sum(quantity * unit_price_cents)::BIGINT FROM order_items") == [(640_000,)]
