"""The interpreter of tests/faults is held to the state machines as the deployed stack carries them out.

The same thing happens to a tenant in both; each execution must have entered the same states, in the same order.
"""

from collections.abc import Callable

import pytest

from local_aws.client import Faults
from tests.faults.points import Fault, Place
from tests.faults.world import World

from .embedded import EmbeddedAws, eventually

pytestmark = pytest.mark.embedded_aws


def entered(embedded_aws: EmbeddedAws, tenant: str) -> list[list[str]]:
    """States of the tenant's executions on the deployed stack, oldest execution first."""
    executions = eventually(lambda: _ended(embedded_aws, tenant), f"the executions of {tenant} to end")
    return [embedded_aws.states(execution["executionArn"]) for execution in executions]


def _ended(embedded_aws: EmbeddedAws, tenant: str) -> list[dict[str, object]]:
    found = sorted(embedded_aws.executions(tenant), key=lambda execution: execution["startDate"])
    return found if found and all(execution["status"] != "RUNNING" for execution in found) else []


def visited(tenant: str, *happens: Callable[[World], None]) -> list[list[str]]:
    """The same in a world in one process. While it stands, this process has no other AWS."""
    with World() as world:
        for each in happens:
            each(world)
        world.run()
        return [execution.visits for execution in world.executions(tenant)]


def test_a_tenant_that_goes_live(embedded_aws: EmbeddedAws) -> None:
    tenant = "igual-alta"
    embedded_aws.onboard(tenant)

    assert visited(tenant, lambda world: world.insert(tenant)) == entered(embedded_aws, tenant)


def test_a_tenant_whose_host_has_a_foreign_record(embedded_aws: EmbeddedAws) -> None:
    tenant = "igual-ajena"
    embedded_aws.create_record(tenant, "A", "192.0.2.7")
    embedded_aws.insert(tenant)

    in_process = visited(
        tenant,
        lambda world: world.state.zone.put(world.host(tenant), "A", "192.0.2.7"),
        lambda world: world.insert(tenant),
    )
    assert in_process == entered(embedded_aws, tenant)
    assert "RollBack" in in_process[0]


def test_a_call_that_fails_once_and_then_succeeds(embedded_aws: EmbeddedAws, faults: Faults) -> None:
    tenant = "igual-pasajera"
    with faults.rule("cloudfront", "CreateInvalidation", error={"code": "ServiceUnavailable", "status": 503}, times=1):
        embedded_aws.insert(tenant)
        on_the_stack = entered(embedded_aws, tenant)

    fault = Fault(Place("edge-cache", "cloudfront", "CreateInvalidation", 1), "5xx")
    assert visited(tenant, lambda world: world.strike(fault), lambda world: world.insert(tenant)) == on_the_stack
    assert fault.hits == 1


def test_a_change_that_comes_while_an_execution_works(embedded_aws: EmbeddedAws, faults: Faults) -> None:
    tenant = "igual-relevo"
    with faults.rule("cloudfront", "CreateInvalidation", latency_seconds=4, times=1):
        embedded_aws.insert(tenant)
        eventually(lambda: embedded_aws.record(tenant).get("lease"), f"{tenant} to be claimed")
        embedded_aws.insert(tenant, tier="premium")
        on_the_stack = entered(embedded_aws, tenant)

    def meanwhile(world: World) -> None:
        world.state.zone.propagation = 60.0
        world.insert(tenant)
        world.run(5)
        assert world.machines.running
        world.overwrite(tenant, tier="premium")

    assert visited(tenant, meanwhile) == on_the_stack
    assert on_the_stack[1] == ["ClaimTenant", "Superseded"]
    assert on_the_stack[0].count("ClaimTenant") == 2


def test_a_tenant_whose_item_goes(embedded_aws: EmbeddedAws) -> None:
    tenant = "igual-baja"
    embedded_aws.onboard(tenant)
    embedded_aws.remove(tenant)
    held = eventually(lambda: embedded_aws.executions(tenant, "Offboard"), "the hold")[0]["executionArn"]
    on_the_stack = eventually(lambda: _held(embedded_aws, held), "its end")

    in_process = visited(
        tenant, lambda world: world.insert(tenant), lambda world: world.run(), lambda world: world.remove(tenant)
    )
    assert in_process[1] == on_the_stack


def test_a_tenant_that_is_suspended(embedded_aws: EmbeddedAws) -> None:
    tenant = "igual-pausa"
    embedded_aws.onboard(tenant)
    embedded_aws.insert(tenant, desired_state="suspended")
    eventually(lambda: embedded_aws.record(tenant)["status"] == "SUSPENDED", f"{tenant} to be suspended")
    on_the_stack = entered(embedded_aws, tenant)

    in_process = visited(
        tenant,
        lambda world: world.insert(tenant),
        lambda world: world.run(),
        lambda world: world.insert(tenant, desired_state="suspended"),
    )
    assert in_process == on_the_stack
    assert "SuspendTenant" in on_the_stack[1]


def _held(embedded_aws: EmbeddedAws, execution_arn: str) -> list[str] | None:
    states = embedded_aws.states(execution_arn)
    return states if states and states[-1] == "TenantHeld" else None
