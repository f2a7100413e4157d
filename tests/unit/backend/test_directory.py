import asyncio
import threading

import pytest

from backend.directory import DirectoryUnavailable, TenantDirectory

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def directory(table, clock):
    return TenantDirectory("provisioning", client=table, clock=clock)


async def test_live_tenants_are_remembered_for_two_seconds(directory, table, clock):
    table.put("granja", "ACTIVE")
    assert await directory.status("granja") == "ACTIVE"
    table.put("granja", "SUSPENDED")
    clock.now += 1.9
    assert await directory.status("granja") == "ACTIVE"
    clock.now += 0.2
    assert await directory.status("granja") == "SUSPENDED"
    assert table.calls == 2


@pytest.mark.parametrize("status", ["PENDING", "FAILED", "OFFBOARDING", "OFFBOARDED", "ROLLBACK_INCOMPLETE"])
async def test_others_are_asked_for_each_time(directory, table, status):
    assert await directory.status("granja") is None
    table.put("granja", status)
    assert await directory.status("granja") == status
    table.put("granja", "ACTIVE")
    assert await directory.status("granja") == "ACTIVE"


def test_a_status_of_a_later_version_is_nobodys(directory, table):
    table.put("granja", "SOMETHING_NEW")
    assert asyncio.run(directory.status("granja")) is None


async def test_known_tenants_outlive_an_outage_of_the_table_and_are_not_kept_waiting_for_it(directory, table, clock):
    table.put("granja", "ACTIVE")
    table.put("vecino", "SUSPENDED")
    assert await directory.status("granja") == "ACTIVE"
    assert await directory.status("vecino") == "SUSPENDED"
    table.down = True
    calls = table.calls
    for _ in range(600):
        clock.now += 0.1
        assert await directory.status("granja") == "ACTIVE"
        assert await directory.status("vecino") == "SUSPENDED"
    assert table.calls - calls <= 61, "a minute of outage costs one attempt a second"
    with pytest.raises(DirectoryUnavailable):
        await directory.status("unknown")
    table.down = False
    table.put("granja", "OFFBOARDED")
    clock.now += 1.1
    assert await directory.status("granja") == "OFFBOARDED"


async def test_a_tenant_that_left_is_not_remembered(directory, table, clock):
    table.put("granja", "ACTIVE")
    await directory.status("granja")
    table.put("granja", "OFFBOARDING")
    clock.now += 3
    assert await directory.status("granja") == "OFFBOARDING"
    table.down = True
    with pytest.raises(DirectoryUnavailable):
        await directory.status("granja")


def test_many_visitors_at_once_cost_one_call_and_do_not_block_the_loop(table, clock):
    table.put("granja", "ACTIVE")
    answering = threading.Event()

    class Slow:
        calls = 0

        def get_item(self, **request):
            self.calls += 1
            assert answering.wait(5)
            return table.get_item(**request)

    slow = Slow()
    directory = TenantDirectory("provisioning", client=slow, clock=clock)

    async def visit():
        impatient = asyncio.create_task(directory.status("granja"))
        others = [asyncio.create_task(directory.status("granja")) for _ in range(20)]
        await asyncio.sleep(0.05)
        impatient.cancel()
        answering.set()
        assert await asyncio.gather(*others) == ["ACTIVE"] * 20

    asyncio.run(visit())
    assert slow.calls == 1


def test_what_is_remembered_is_bounded(directory, table, monkeypatch):
    from backend import directory as module

    monkeypatch.setattr(module, "_MOST_KNOWN", 2)

    async def visit():
        for tenant_id in ("uno", "dos", "tres"):
            table.put(tenant_id, "ACTIVE")
            await directory.status(tenant_id)
        assert list(directory._known) == ["dos", "tres"]

    asyncio.run(visit())
