"""Several backends on one file system, one of which dies.

Six tenants for some seconds; in the long form (tests/endurance.py) fifty tenants for as long as asked.
"""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from backend.directory import TenantDirectory
from tenancy import database
from tenancy.database import TenantSeeder
from tests import endurance

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
TENANTS = [f"tienda-{number}" for number in range(50 if endurance.is_long() else 6)]
SECONDS = endurance.seconds(2)
VISITS = 24


@pytest.fixture
def shop_folder(tmp_path):
    (tmp_path / "tenants").mkdir()
    seeder = TenantSeeder(tmp_path / "tenants", tmp_path / "scratch")
    for tenant_id in TENANTS:
        seeder.seed(
            {"tenant_id": tenant_id, "name": tenant_id, "tier": "basic", "contact_email": None, "settings": {}}, 1
        )
    return tmp_path / "tenants"


def start(directory, journal, name):
    command = [sys.executable, str(HERE / "child.py"), directory, journal, name, *TENANTS]
    path = os.pathsep.join([str(ROOT), str(ROOT / "layers" / "tenancy")])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen([str(part) for part in command], env=environment, stdin=subprocess.PIPE)


def lines(journal):
    return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []


def orders_of(directory, tenant_id):
    """(note, tenant, customer's name) of every order that stands in a tenant's file."""
    with database.open(directory, tenant_id, "read") as connection:
        return connection.execute(
            "SELECT note, orders.tenant_id, customers.name, (SELECT count(*) FROM order_items"
            " WHERE order_items.order_id = orders.order_id)"
            " FROM orders JOIN customers USING (customer_id)"
        ).fetchall()


def answered(journal):
    return sum("answered" in line for line in lines(journal))


def await_writes(journal, child, count=10):
    until = time.monotonic() + 20
    while answered(journal) < count:
        assert child.poll() is None, "it has ended by itself"
        assert time.monotonic() < until, "it writes nothing"
        time.sleep(0.05)


def test_two_processes_endure_and_one_that_is_killed_costs_its_own_open_requests_alone(shop_folder, tmp_path):
    journals = {name: tmp_path / f"{name}.jsonl" for name in ("first", "second")}
    children = {name: start(shop_folder, journal, name) for name, journal in journals.items()}
    try:
        await_writes(journals["first"], children["first"])
        await_writes(journals["second"], children["second"])
        time.sleep(SECONDS)
        await_order(journals["first"], children["first"])
        children["first"].send_signal(signal.SIGKILL)
        assert children["first"].wait(10) == -signal.SIGKILL
        written = answered(journals["second"])
        await_writes(journals["second"], children["second"], written + 10)
        children["second"].stdin.close()
        assert children["second"].wait(60) == 0
    finally:
        for child in children.values():
            child.stdin.close()
            if child.poll() is None:
                child.kill()
                child.wait()
    said = {name: lines(journal) for name, journal in journals.items()}
    everything = said["first"] + said["second"]
    assert Counter(line["status"] for line in said["second"] if "status" in line).keys() == {200, 201}
    assert not [line for line in everything if line.get("foreign")]
    assert sum("answered" in line for line in said["second"]) > 20

    told = {(line["answered"], line["tenant"]) for line in everything if line.get("status") == 201}
    begun = {(line["began"], line["tenant"]) for line in everything if "began" in line}
    found = {tenant_id: orders_of(shop_folder, tenant_id) for tenant_id in TENANTS}
    stored = [(note, tenant_id) for tenant_id, rows in found.items() for note, *_ in rows]
    assert len(stored) == len(set(stored)), "no order stands twice"
    assert told <= set(stored) <= begun, "what was answered is there, and nothing that nobody asked for"
    for tenant_id, rows in found.items():
        for note, written_for, customer, items in rows:
            assert (written_for, customer, items) == (tenant_id, f"Cliente {note}", 1)
            assert note.endswith(tenant_id)
    lost = begun - told
    endurance.tell(
        "two processes", seconds=SECONDS, tenants=len(TENANTS), reads=sum("read" in line for line in everything),
        orders_answered=len(told), orders_stored=len(stored), open_when_killed=len(lost),
    )  # fmt: skip
    assert lost, "it was killed in the middle of something"
    assert {key for key, _ in lost} <= {line["began"] for line in said["first"] if "began" in line}

    # Whoever got no answer asks again with the same key, and so do some who did: then each order is there, and once.
    asyncio.run(ask_again(shop_folder, sorted(lost) + sorted(told)[:10]))
    stored = [(note, tenant_id) for tenant_id in TENANTS for note, *_ in orders_of(shop_folder, tenant_id)]
    assert sorted(stored) == sorted(begun)


def await_order(journal, child):
    """Returns in the middle of an order, as near as one can tell."""
    with journal.open() as following:
        following.seek(0, os.SEEK_END)
        following.readline()  # maybe half of one
        while child.poll() is None:
            if '"began"' in following.readline():
                return
            time.sleep(0.0005)
    pytest.fail("it has ended by itself")


async def ask_again(directory, orders):
    sys.path.insert(0, str(HERE))
    try:
        import child
    finally:
        sys.path.remove(str(HERE))
    transport = httpx.ASGITransport(app=child.application(directory))
    async with httpx.AsyncClient(transport=transport, base_url="http://backend") as client:
        for key, tenant_id in orders:
            assert (await child.place(client, tenant_id, key)).status_code == 201


def test_known_tenants_are_served_under_load_while_the_table_is_down_and_while_it_hangs(
    make_app, table, seeded, tmp_path
):
    """In one process and without a clock. With the whole stack, and for a minute: tests/workflow/test_sites.py."""
    shutil.copytree(seeded, tmp_path / "tenants")
    table.put("granja", "ACTIVE")
    table.put("vecino", "ACTIVE")
    directory = TenantDirectory("provisioning", client=table, fresh_seconds=0.05)
    app = make_app(tmp_path / "tenants", directory=directory)
    answered = Counter()

    async def visits(client):
        for count in range(VISITS):
            tenant_id, path = [("granja", "/api/tenant"), ("vecino", "/api/products")][count % 2]
            response = await client.get(path, headers={"Host": f"{tenant_id}.fluxionia.example"})
            answered[response.status_code] += 1

    async def load():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://backend") as client:
            await visits(client)
            table.down = True
            await asyncio.gather(*(visits(client) for _ in range(8)))
            table.down = False
            await asyncio.sleep(1.2)  # until it is asked again
            table.answers.clear()
            # It hangs until all are answered: who waits for it waits in vain.
            async with asyncio.timeout(60):
                await asyncio.gather(*(visits(client) for _ in range(8)))

    try:
        asyncio.run(load())
    finally:
        table.answers.set()
    assert answered == {200: VISITS * 17}
