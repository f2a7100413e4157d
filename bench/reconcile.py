"""Measure what it costs to compare everything with what is on record, when all is as it should be."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.bursts import names
from bench.calls import calls_of
from bench.stacks import own_stack
from control.stacks import Output
from local.stack import Stack
from local_aws.quotas import Quotas
from tenancy.domain import hostnames
from tenancy.domain.item import TenantItem
from tenancy.domain.plan import alias_records
from tenancy.domain.values import digest_of
from tenancy.platform.dynamodb_values import typed

SIZES = (100, 1000)
SMALL = {"SIZES": (3,)}
BOUND_CALLS, BOUND_MIB = 50, 256
TITLE = f"reconcile: a scan for drift that finds none (1,000 tenants: ≤ {BOUND_CALLS} calls, ≤ {BOUND_MIB} MiB)"
_QUOTAS = Quotas(scale=100, aliases=SIZES[-1] + 100)
_FUNCTION = "fluxion-reconcile"
_EVENTS, _EVENT_CHARACTERS = (
    12,
    700,
)  # of an onboarding and an update; each is read by the scan, and left out of its answer
_WRITTEN_AT_ONCE, _CHANGED_AT_ONCE = 25, 500
_CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield one row a size: AWS calls and seconds of one scan, and the most memory that the function's process had."""
    for size in SIZES:
        with own_stack(_QUOTAS, {"DriftSchedule": "rate(1 day)"}) as stack:
            say(f"{size} tenants: starting a stack")
            stack.up()
            say(f"{size} tenants: writing what there is of them")
            _populate(stack, names(size))
            _scan(stack)  # the first one is cold
            with calls_of(stack) as calls:
                began = time.monotonic()
                found = _scan(stack)
                seconds = time.monotonic() - began
            if found != {"found": 0, "reported": [], "gone": [], "started": []}:
                raise RuntimeError(f"there is no drift, and the scan says {found}")
            asked, memory = len(calls.by("Reconcile")), _most_memory_mib()
            yield {
                "tenants": size,
                "calls": asked,
                "seconds": round(seconds, 2),
                "memory_mib": round(memory),
                "in_bound": asked <= BOUND_CALLS and memory <= BOUND_MIB,
            }


def _scan(stack: Stack) -> Any:
    answer = stack.client("lambda").invoke(FunctionName=_FUNCTION, Payload=json.dumps({"work": "drift"}).encode())
    found = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise RuntimeError(f"the scan failed: {found}")
    return found


def _most_memory_mib() -> float:
    """Return the high-water mark of the process that runs the function (proc(5))."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"AWS_LAMBDA_FUNCTION_NAME={_FUNCTION}".encode() in (process / "environ").read_bytes().split(b"\0"):
                lines = (process / "status").read_text().splitlines()
                found = max(found, *(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")))
    if not found:
        raise RuntimeError(f"no process runs {_FUNCTION}")
    return found / 1024


# --- live tenants, as the workflow leaves them ------------------------------------------------------------------------


def _populate(stack: Stack, tenants: list[str]) -> None:
    base, outputs = stack.outputs[Output.BASE_DOMAIN], stack.outputs
    target = outputs[Output.DISTRIBUTION_HOST].lower()
    hosts = [hostnames.host_of(tenant, base) for tenant in tenants]
    items = [{"tenant_id": tenant, "name": f"Mercado {tenant}", "requested_at": "2026-11-24"} for tenant in tenants]
    _start_nothing(stack)
    _put(stack, outputs[Output.TENANTS_TABLE], items)
    _put(
        stack,
        outputs[Output.PROVISIONING_TABLE],
        [entry for item in items for entry in _on_record(item, base, target, outputs[Output.DISTRIBUTION])],
    )
    _put_records(stack, outputs[Output.HOSTED_ZONE], hosts, target)
    _put_aliases(stack, outputs[Output.DISTRIBUTION], hosts)
    for tenant in tenants:
        folder = stack.state_dir / "data" / tenant
        folder.mkdir()
        (folder / "1.duckdb").touch()
        (folder / "current").write_text("1.duckdb\n")


def _start_nothing(stack: Stack) -> None:
    """Keep the stack from starting executions: the tenants are there already, their items are no news."""
    functions = stack.client("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName="fluxion-start-workflow")["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    time.sleep(2)


def _on_record(item: Mapping[str, Any], base: str, target: str, distribution: str) -> Iterator[dict[str, Any]]:
    tenant, moment = item["tenant_id"], "2026-11-24T03:00:00.000Z"
    spec = TenantItem.parse(item).spec
    below = {"pk": f"TENANT#{tenant}", "tenant_id": tenant}
    yield {
        **below,
        "sk": "TENANT",
        "status": "ACTIVE",
        "generation": 1,
        "attempt": 1,
        "requested": 0,
        "seen": 0,
        "stalls": 0,
        "schema_version": 1,
        "operation": {
            "kind": "onboard",
            "state": "SUCCEEDED",
            "stage": "ActivateTenant",
            "started_at": moment,
            "execution_arn": f"arn:aws:states:us-east-1:000000000000:execution:fluxion-OnboardTenant:{tenant}",
        },
        "spec": spec,
        "spec_digest": digest_of(spec),
        "skeleton": hostnames.skeleton(tenant),
        "host": hostnames.host_of(tenant, base),
        "database_path": f"{tenant}/1.duckdb",
        **dict.fromkeys(("requested_at",), item["requested_at"]),
        **dict.fromkeys(("live_since", "created_at", "updated_at"), moment),
    }
    yield {"pk": f"CLAIM#{hostnames.skeleton(tenant)}", "sk": "CLAIM", "tenant_id": tenant, "at": moment}
    effects = {"dns_records": target, "cdn_aliases": distribution, "tenant_database": "x", "edge_cache": "x"}
    for system, aim in effects.items():
        done = {"state": "DONE", "generation": 1, "attempt": 1, "target": aim, "writer": "", "at": moment}
        yield {**below, "sk": f"EFFECT#{system}", **done}
    for number in range(_EVENTS):
        yield {**below, "sk": f"EVENT#000001#000001#{number:02d}", "detail": "x" * _EVENT_CHARACTERS}


def _put(stack: Stack, table: str, items: list[dict[str, Any]]) -> None:
    dynamodb = stack.client("dynamodb")
    for first in range(0, len(items), _WRITTEN_AT_ONCE):
        some = items[first : first + _WRITTEN_AT_ONCE]
        left: Any = {table: [{"PutRequest": {"Item": typed(item)}} for item in some]}
        while left:
            left = dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems")


def _put_records(stack: Stack, zone: str, hosts: list[str], target: str) -> None:
    where = {"HostedZoneId": _CLOUDFRONT_ZONE, "DNSName": target, "EvaluateTargetHealth": False}
    records = [record for host in hosts for record in sorted(alias_records(host, target))]
    changes = [
        {"Action": "CREATE", "ResourceRecordSet": {"Name": each.host, "Type": each.type, "AliasTarget": where}}
        for each in records
    ]
    for first in range(0, len(changes), _CHANGED_AT_ONCE):
        stack.client("route53").change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Changes": changes[first : first + _CHANGED_AT_ONCE]}
        )
        time.sleep(1)  # a zone is busy for a moment after a change


def _put_aliases(stack: Stack, distribution: str, hosts: list[str]) -> None:
    cloudfront = stack.client("cloudfront")
    found = cloudfront.get_distribution_config(Id=distribution)
    config = found["DistributionConfig"]
    aliases = [*config["Aliases"]["Items"], *hosts]
    config["Aliases"] = {"Quantity": len(aliases), "Items": aliases}
    cloudfront.update_distribution(Id=distribution, IfMatch=found["ETag"], DistributionConfig=config)
