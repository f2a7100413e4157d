from datetime import datetime

import duckdb
import pytest

from tenancy.database import schema_versions
from tenancy.database.engine import transaction
from tenancy.domain.errors import InvalidTenantItem

NOW = datetime(2026, 1, 1)  # noqa: DTZ001
NEXT = schema_versions.Migration(
    schema_versions.latest_version() + 1, "loyalty", "ALTER TABLE customers ADD COLUMN points INTEGER DEFAULT 0"
)


@pytest.fixture
def connection():
    with duckdb.connect() as found:
        yield found


def test_migrations_are_numbered_without_a_gap():
    assert [migration.version for migration in schema_versions.shipped()] == list(
        range(1, schema_versions.latest_version() + 1)
    )
    assert schema_versions.shipped()[0].name == "initial"


def test_an_empty_database_gets_them_all_and_records_each(connection):
    assert schema_versions.apply(connection, "granja", NOW) == schema_versions.latest_version()
    assert schema_versions.version_of(connection, "granja") == schema_versions.latest_version()
    assert connection.execute("SELECT tenant_id, version, name, applied_at FROM schema_version").fetchall() == [
        ("granja", step.version, step.name, NOW) for step in schema_versions.shipped()
    ]


def test_a_database_gets_only_what_it_lacks(connection):
    have = schema_versions.apply(connection, "granja", NOW)
    both = [*schema_versions.shipped(), NEXT]
    assert schema_versions.apply(connection, "granja", NOW, have=have, migrations=both) == NEXT.version
    assert schema_versions.apply(connection, "granja", NOW, have=NEXT.version, migrations=both) == NEXT.version
    assert schema_versions.version_of(connection, "granja") == NEXT.version


def test_a_step_that_fails_leaves_the_version_before(connection):
    have = schema_versions.apply(connection, "granja", NOW)
    broken = schema_versions.Migration(have + 1, "broken", "CREATE TABLE half (x INTEGER); SELECT * FROM nowhere")
    with pytest.raises(duckdb.CatalogException), transaction(connection):
        schema_versions.apply(connection, "granja", NOW, have=have, migrations=[broken])
    assert schema_versions.version_of(connection, "granja") == have
    assert connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'half'").fetchone() == (0,)


@pytest.mark.parametrize("tenant_id", ["x'; DROP TABLE tenants; --", "a'b", "<tenant>", "", "GRANJA"])
def test_only_a_name_that_was_checked_becomes_part_of_sql(connection, tenant_id):
    with pytest.raises(InvalidTenantItem):
        schema_versions.apply(connection, tenant_id, NOW)
    assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)


def test_a_migrated_database_is_built_as_a_new_one(connection):
    schema_versions.apply(connection, "granja", NOW)
    shapes = [
        "SELECT table_name, sql FROM duckdb_tables() ORDER BY ALL",
        "SELECT table_name, constraint_text FROM duckdb_constraints() ORDER BY ALL",
        "SELECT table_name, sql FROM duckdb_indexes() ORDER BY ALL",
    ]
    for have in range(1, schema_versions.latest_version()):
        with duckdb.connect() as older:
            schema_versions.apply(older, "granja", NOW, migrations=schema_versions.shipped()[:have])
            schema_versions.apply(older, "granja", NOW, have=have)
            for shape in shapes:
                assert older.execute(shape).fetchall() == connection.execute(shape).fetchall()


def test_settings_that_are_json_are_kept_and_one_that_is_not_is_refused(connection):
    schema_versions.apply(connection, "granja", NOW, migrations=schema_versions.shipped()[:1])
    connection.execute("INSERT INTO settings VALUES ('granja', 'colour', '\"#2e7d32\"', ?)", [NOW])
    schema_versions.apply(connection, "granja", NOW, have=1, migrations=schema_versions.shipped()[:2])
    assert connection.execute("FROM settings").fetchall() == [("granja", "colour", '"#2e7d32"', NOW)]
    with pytest.raises(duckdb.ConstraintException, match="json_valid"):
        connection.execute("INSERT INTO settings VALUES ('granja', 'motto', 'not JSON', ?)", [NOW])


def test_the_sql_as_it_stands_admits_no_tenant(connection):
    connection.execute(schema_versions.shipped()[0].sql)
    with pytest.raises(duckdb.ConstraintException):
        connection.execute("INSERT INTO settings VALUES ('granja', 'k', '1', ?)", [NOW])


def test_the_engine_would_store_a_constraint_with_a_parameter_that_does_not_hold(connection):
    # Why the name is a quoted literal. When this fails, the engine has learned it, and so may we.
    connection.execute("CREATE TABLE t (tenant_id VARCHAR CHECK (tenant_id = ?))", ["granja"])
    with pytest.raises(duckdb.Error):
        connection.execute("INSERT INTO t VALUES ('granja')")
