"""A backend process: visitors read sites and place orders, as a program: ``shop.py <tenants folder> <log> <tenant> …``.

It goes through the tenants until its standard input ends. Each order that was acknowledged is a line of the log, as is
each visit that failed.
"""

import random
import sys
import threading
from pathlib import Path

import duckdb

from backend.repository import reading
from tenancy.database import TenantDatabases, migrations, transaction
from tenancy.errors import TenancyError

CUSTOMER = (
    "INSERT INTO customers (tenant_id, customer_id, name, created_at, updated_at)"
    " VALUES (?, 'ana', 'Ana', now()::TIMESTAMP, now()::TIMESTAMP) ON CONFLICT DO NOTHING"
)
ORDER = (
    "INSERT INTO orders (tenant_id, order_id, customer_id, status, total_cents, currency, created_at, updated_at)"
    " VALUES (?, ?, 'ana', 'placed', 320000, 'COP', now()::TIMESTAMP, now()::TIMESTAMP)"
)


def place(databases: TenantDatabases, tenant: str, order: str) -> int:
    """Returns the version of the schema that the order was written under."""
    with databases.open(tenant, "write") as connection:
        with transaction(connection):
            connection.execute(CUSTOMER, [tenant])
            connection.execute(ORDER, [tenant, order])
        return migrations.version_of(connection, tenant)


def main(folder: Path, log: Path, tenants: list[str]) -> None:
    databases, chance = TenantDatabases(folder), random.Random(log.name)  # noqa: S311 - whom to visit
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    with log.open("w", buffering=1) as told:
        number = 0
        while not over.is_set():
            number += 1
            tenant, order = chance.choice(tenants), f"{log.stem}-{number}"
            try:
                with reading(databases, tenant) as repository:
                    repository.site()
                version = place(databases, tenant, order)
            except (TenancyError, duckdb.Error) as error:
                told.write(f"failed {tenant} {type(error).__name__} {error}\n")
            else:
                told.write(f"placed {tenant} {order} {version}\n")
    databases.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
