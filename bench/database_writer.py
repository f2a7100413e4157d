"""Write tenants' databases in one process, one after the other: ``python -m bench.database_writer``.

Reads a job as JSON, says `ready`, waits for a line, works, says as JSON what it took. Started in the environment of a
model of EFS it is delayed by that, and by nothing else.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from bench.efs import TRIPS
from bench.efs.probe import counts
from tenancy.database import TenantDatabases, TenantSeeder, engine, publish, schema_versions
from tenancy.database.configuration import Configuration, ConfigurationRows
from tenancy.database.paths import never_used_name
from tenancy.database.row_source import NewDatabase
from tenancy.database.seed import PlanRows

DESIGNS = ("publish", "ddl_in_place", "ddl_bare", "shared_file")
SHARED = "shared"
"""The name under which `tenancy.database` knows the file of all tenants."""
BARE = "tenant.duckdb"
_PATIENCE_SECONDS = 120.0


def spec(tenant_id: str) -> dict[str, Any]:
    """Return a tenant whose rows name it, so that they are known again in whatever file they end up."""
    return {
        "tenant_id": tenant_id,
        "name": f"Mercado {tenant_id}",
        "tier": "standard",
        "contact_email": f"{tenant_id}@example.org",
        "settings": {"colour": "#2e7d32", "owner": tenant_id},
    }


def new_database(tenant_id: str) -> NewDatabase:
    """Return the database that the product makes for that tenant."""
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = ConfigurationRows(tenant_id, Configuration.of(spec(tenant_id)), 1, now)
    return NewDatabase(rows, PlanRows(rows))


class Writer:
    """The designs that are compared. Each method makes one tenant's database, from nothing to open for readers.

    directory: where each design has its tenants' folder. scratch: local disk.
    """

    def __init__(self, directory: Path, scratch: Path) -> None:
        for name in DESIGNS:
            (directory / name).mkdir(exist_ok=True)
        self._scratch = scratch
        self._seeder = TenantSeeder(directory / "publish", scratch)
        self._in_place = TenantDatabases(directory / "ddl_in_place", idle_after=0)
        self._bare = directory / "ddl_bare"
        self._shared = TenantDatabases(directory / "shared_file", busy_after=_PATIENCE_SECONDS, idle_after=0)

    def publish(self, tenant_id: str) -> None:
        """Publish as the product does: build in scratch space, copy once, link, set the pointer; under the lock."""
        self._seeder.seed(spec(tenant_id), 1)

    def ddl_in_place(self, tenant_id: str) -> None:
        """Keep the same promises (nobody gets in early, whole or not at all), but build where it is to stay."""
        with self._in_place.hold(tenant_id, create=True) as folder:
            publish.clean(folder)
            database = folder.file(never_used_name())
            _create(database, tenant_id)
            publish.point(folder, database)

    def ddl_bare(self, tenant_id: str) -> None:
        """Make a folder and a file in it, without a lock and without a pointer: a crash leaves half a tenant."""
        folder = self._bare / tenant_id
        folder.mkdir()
        _create(folder / BARE, tenant_id)

    def shared_file(self, tenant_id: str) -> None:
        """Write in one transaction to the file of all tenants, opened and closed for it; the lock makes the queue."""
        with self._shared.open(SHARED, "write") as connection, engine.transaction(connection):
            new_database(tenant_id).source.insert(connection)

    def make_shared_file(self) -> None:
        """Make the shared file, with the product's tables but for the CHECK that a table has one tenant only."""
        check = " CHECK (tenant_id = '<tenant>')"

        def fill(connection: duckdb.DuckDBPyConnection) -> None:
            for migration in schema_versions.shipped():
                connection.execute(migration.sql.replace(check, ""))

        with (
            publish.built(self._scratch, fill) as database,
            self._shared.hold(SHARED, create=True) as folder,
        ):
            publish.publish(folder, database)


def _create(database: Path, tenant_id: str) -> None:
    connection = engine.create(database)
    try:
        with engine.transaction(connection):
            new_database(tenant_id).fill(connection)
        connection.execute("CHECKPOINT")
    finally:
        connection.close()


def main() -> None:
    """Work through the job {directory, scratch, tenants: [[design, tenant_id], …]}."""
    job = json.loads(sys.stdin.readline())
    scratch = Path(job["scratch"])
    writer = Writer(Path(job["directory"]), scratch)
    with TemporaryDirectory(dir=scratch) as folder:  # imports, and whatever else only the first one pays
        Writer(Path(folder), scratch).publish("warm-up")
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    designs: Mapping[str, Callable[[str], None]] = {name: getattr(writer, name) for name in DESIGNS}
    done = [_measured(design, designs[design], tenant_id) for design, tenant_id in job["tenants"]]
    json.dump(done, sys.stdout)


def _measured(design: str, write: Callable[[str], None], tenant_id: str) -> dict[str, Any]:
    """Return the fields of ``bench.database.Written``."""
    before, processor, began = counts(), time.process_time(), time.monotonic()
    write(tenant_id)
    ended, processor, after = time.monotonic(), time.process_time() - processor, counts()
    return {
        "design": design,
        "tenant_id": tenant_id,
        "began": began,
        "ended": ended,
        "processor": processor,
        "trips": {kind: after[kind] - before[kind] for kind in TRIPS},
    }


if __name__ == "__main__":
    main()
