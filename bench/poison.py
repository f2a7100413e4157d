"""Put two poison tenants among a thousand into the embedded AWS: what they cost the others, and themselves.

One has a record in the zone that somebody else created, the other an alias on somebody else's distribution. Both kinds
are in one run: they meet different writers.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bench.bursts import aliases, burst, host, lost, names, raised, records
from bench.calls import Calls, calls_of, invocations
from bench.stacks import own_stack
from control.stacks import Output
from local.stack import Stack
from local_aws.quotas import Quotas

TENANTS = 1000
QUOTAS = Quotas(scale=20, distribution_updates_per_second=1, aliases=1200)
TITLE = (
    f"poison: {TENANTS} tenants at once, two of them poison "
    "(the others live, each alone FAILED with its own cause, ≤ 2·log2(n) more calls, foreign things untouched)"
)


@dataclass(frozen=True)
class Poison:
    """A tenant that cannot be onboarded.

    function: the writer that is refused. operation: its one call for many. tenants_a_call: what fits into one, by the
    writer's limits. refusal: AWS's error.
    """

    tenant: str
    cause: str
    function: str
    operation: str
    tenants_a_call: int
    refusal: str


POISON = (
    Poison(
        "mercado-0333", "RecordBelongsToOthers", "DnsRecords", "ChangeResourceRecordSets", 125, "InvalidChangeBatch"
    ),
    Poison("mercado-0777", "AliasBelongsToOthers", "CdnAliases", "UpdateDistribution", 1000, "CNAMEAlreadyExists"),
)
SMALL = {
    "TENANTS": 12,
    "POISON": tuple(replace(each, tenant=f"mercado-000{number}") for number, each in enumerate(POISON, start=2)),
}


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield one row a poison tenant."""
    with own_stack(QUOTAS) as stack:
        say("starting a stack")
        stack.up()
        record, alias = (poison.tenant for poison in POISON)
        _create_foreign_record(stack, host(record))
        foreign = _create_foreign_distribution(stack, host(alias))
        before = _foreign(stack, foreign, host(record))
        with calls_of(stack) as calls:
            found = burst(stack, names(TENANTS), say)
        untouched = _foreign(stack, foreign, host(record)) == before
        missing = sum(lost(stack, found.active))
        left_over = _left_over(stack, [poison.tenant for poison in POISON], before)
        for poison in POISON:
            status = found.records[poison.tenant]["status"]
            cause = found.failed.get(poison.tenant)
            together, extra, looks = _extra_calls(calls, poison)
            bound = 2 * math.ceil(math.log2(together))
            few = extra <= bound and extra + looks <= 2 * math.log2(TENANTS)
            alone = len(found.active) == TENANTS - len(POISON) and not missing
            yield {
                "tenants": TENANTS,
                "active": len(found.active),
                "seconds": round(found.seconds, 1),
                "poison": poison.cause,
                "status": status,
                "cause": cause,
                "together": together,
                "extra_calls": extra,
                "extra_calls_bound": bound,
                "looks": looks,
                "foreign_untouched": untouched,
                "lost": missing,
                "left_over": left_over,
                "scale": QUOTAS.scale,
                "raised_quotas": raised(QUOTAS),
                "in_bound": alone and status == "FAILED" and cause == poison.cause and few and untouched,
            }


def _extra_calls(calls: Calls, poison: Poison) -> tuple[int, int, int]:
    """Return (tenants in the first refused call, calls beyond those they needed anyway, looks at what was there).

    Calls that are refused because AWS is busy are repeated for everybody's sake and are not counted.
    """
    together = extra = looks = 0
    for lines in invocations(calls.by(poison.function)):
        writes = [line for line in lines if line["operation"] == poison.operation]
        if not any(line.get("error") == poison.refusal for line in writes):
            continue
        answered = sum(line["operation"] in ("SendTaskSuccess", "SendTaskFailure") for line in lines)
        asked = sum(line.get("error") in (None, poison.refusal) for line in writes)
        looks += sum(line["operation"] == "ListResourceRecordSets" for line in lines)
        together = max(together, min(answered, poison.tenants_a_call))
        extra += asked - math.ceil(answered / poison.tenants_a_call)
    if not together:
        raise RuntimeError(f"nothing was refused with {poison.refusal}: the poison did not work")
    return together, extra, looks


def _create_foreign_record(stack: Stack, name: str) -> None:
    record = {"Name": name, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.7"}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    stack.client("route53").change_resource_record_sets(
        HostedZoneId=stack.outputs[Output.HOSTED_ZONE], ChangeBatch=batch
    )


def _create_foreign_distribution(stack: Stack, name: str) -> str:
    """Create a distribution like the stack's, with this alias alone; return its id."""
    cloudfront = stack.client("cloudfront")
    config = cloudfront.get_distribution_config(Id=stack.outputs[Output.DISTRIBUTION])["DistributionConfig"]
    config |= {"CallerReference": "somebody else's", "Aliases": {"Quantity": 1, "Items": [name]}}
    return str(cloudfront.create_distribution(DistributionConfig=config)["Distribution"]["Id"])


def _foreign(stack: Stack, distribution: str, name: str) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
    """Return all that is somebody else's: the distribution with its ETag, and the record sets of the name."""
    config = stack.client("cloudfront").get_distribution_config(Id=distribution)
    own = {key: config[key] for key in ("ETag", "DistributionConfig")}
    return own, [record for record in records(stack) if record["Name"] == f"{name}."]


def _left_over(stack: Stack, tenants: list[str], before: tuple[Any, list[Mapping[str, Any]]]) -> int:
    """Return aliases and record sets that the poison tenants have and should not."""
    attached = aliases(stack)
    hosts = {f"{host(tenant)}." for tenant in tenants}
    found = [record for record in records(stack) if record["Name"] in hosts and record not in before[1]]
    return len(found) + sum(host(tenant) in attached for tenant in tenants)
