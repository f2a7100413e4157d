"""Visitors who read sites at the edge, and a backend process that takes their orders, as a program:
``shop.py <tenants folder> <log> <base domain> <tenant> …``, in the environment of the local AWS.

It goes through the tenants until its standard input ends. Each order that was acknowledged is a line of the log, and so
is each visit or order that failed.
"""

import os
import random
import ssl
import sys
import threading
from pathlib import Path

import duckdb
import httpx

from tenancy.database import TenantDatabases, schema_versions, transaction
from tenancy.domain.errors import TenancyError

CUSTOMER = (
    "INSERT INTO customers (tenant_id, customer_id, name, created_at, updated_at)"
    " VALUES (?, 'ana', 'Ana', now()::TIMESTAMP, now()::TIMESTAMP) ON CONFLICT DO NOTHING"
)
ORDER = (
    "INSERT INTO orders (tenant_id, order_id, customer_id, status, total_cents, currency, created_at, updated_at)"
    " VALUES (?, ?, 'ana', 'placed', 320000, 'COP', now()::TIMESTAMP, now()::TIMESTAMP)"
)


def visit(edge: httpx.Client, host: str, visitor: str) -> None:
    """Read the site from its backend, past what the edge keeps."""
    answer = edge.get(f"/api/tenant?visitor={visitor}", headers={"Host": host}, extensions={"sni_hostname": host})
    answer.raise_for_status()
    assert answer.json()["tenant_id"] == host.partition(".")[0]


def place(databases: TenantDatabases, tenant: str, order: str) -> int:
    """Returns the version of the schema that the order was written under."""
    with databases.open(tenant, "write") as connection:
        with transaction(connection):
            connection.execute(CUSTOMER, [tenant])
            connection.execute(ORDER, [tenant, order])
        return schema_versions.version_of(connection, tenant)


def main(folder: Path, log: Path, domain: str, tenants: list[str]) -> None:
    databases, chance = TenantDatabases(folder), random.Random(log.name)  # noqa: S311 - whom to visit
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    tls = ssl.create_default_context(cafile=os.environ["FLUXION_CA"])
    with (
        httpx.Client(base_url=os.environ["FLUXION_EDGE_URL"], verify=tls, timeout=30) as edge,
        log.open("w", 1) as told,
    ):
        number = 0
        while not over.is_set():
            number += 1
            tenant, order = chance.choice(tenants), f"{log.stem}-{number}"
            try:
                visit(edge, f"{tenant}.{domain}", order)
                version = place(databases, tenant, order)
            except (TenancyError, duckdb.Error, httpx.HTTPError) as error:
                told.write(f"failed {tenant} {type(error).__name__} {error}\n")
            else:
                told.write(f"placed {tenant} {order} {version}\n")
    databases.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4:])
