"""One backend process under load, as a program: ``child.py <directory> <journal> <name> <tenant>…``.

Asks the whole application, without a network: mixed reads and writes of all tenants, until its standard input ends.
Writes a line into the journal before it places an order and when that was answered, so that whoever kills it knows what
it was told.
"""

import asyncio
import json
import os
import random
import sys
import threading
from pathlib import Path

import httpx

from backend.app import create_app
from backend.settings import BackendSettings
from backend.tokens import Issuer
from control.tables import ControlPlane
from tenancy.domain.record import Status

BASE = "fluxionia.example"
AT_ONCE = 8


class EverybodyIsLive:
    async def status(self, tenant_id):
        return Status.ACTIVE

    def is_sure(self, tenant_id):
        return True


def application(directory):
    settings = BackendSettings(
        tenants_table="tenants",
        provisioning_table="provisioning",
        tenants_directory=directory,
        base_domain=BASE,
        oidc_issuer="https://issuer.example",
        oidc_operators_client="operators",
        oidc_staff_client="staff",
        probe_secret="none",
    )
    return create_app(
        settings,
        directory=EverybodyIsLive(),
        issuer=Issuer(settings.oidc_issuer),
        control_plane=ControlPlane(settings.tenants_table, settings.provisioning_table, object()),
    )


def order(key):
    """An order that says whose it is."""
    customer = {"name": f"Cliente {key}", "email": f"{key}@example.com"}
    return {"customer": customer, "lines": [{"product_id": "lulo", "quantity": 1}], "note": key}


async def place(client, tenant_id, key):
    headers = {"Host": f"{tenant_id}.{BASE}", "Idempotency-Key": key}
    return await client.post("/api/orders", json=order(key), headers=headers)


async def visit(client, say, name, worker, tenants, over):
    count, chance = 0, random.Random(f"{name}-{worker}")  # noqa: S311 - whom to visit
    while not over.is_set():
        tenant_id = chance.choice(tenants)
        host = {"Host": f"{tenant_id}.{BASE}"}
        if count % 3 == 0:
            key = f"{name}-{worker}-{count:08d}-{tenant_id}"
            say({"began": key, "tenant": tenant_id})
            response = await place(client, tenant_id, key)
            say({"answered": key, "tenant": tenant_id, "status": response.status_code})
        else:
            path = "/api/tenant" if count % 3 == 1 else "/api/products"
            response = await client.get(path, headers=host)
            is_told = path == "/api/tenant" and response.status_code == 200
            foreign = is_told and response.json()["tenant_id"] != tenant_id
            say({"read": tenant_id, "status": response.status_code, "foreign": foreign})
        count += 1


async def main(directory, journal, name, *tenants):
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    descriptor = os.open(journal, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def say(line):
        os.write(descriptor, f"{json.dumps(line)}\n".encode())

    transport = httpx.ASGITransport(app=application(Path(directory)), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://backend", timeout=60) as client:
        await asyncio.gather(*(visit(client, say, name, worker, tenants, over) for worker in range(AT_ONCE)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
