"""Put many tenants at once into the embedded AWS with quotas: by group commit and by one call a tenant, side by side.

Same product, same quotas, same machine, one after the other in one run. One call a tenant (TenantsACall = 1) may
update the distribution once a second, the largest rate that anybody assumes; group commit keeps to 0.04 a second, the
least that anybody has seen. What group commit needs is this machine's processors, not AWS's quotas: `burst_simulated`
has the quotas alone, and both designs at the same rates.
"""

from collections.abc import Callable, Iterator
from typing import Any

from bench.bursts import burst, lost, names, raised
from bench.calls import CONTENDED, calls_of
from bench.stacks import own_stack
from local_aws.quotas import Quotas

TENANTS = 500
SMALL = {"TENANTS": 2}
QUOTAS = Quotas(scale=3, distribution_updates_per_second=1, aliases=600, insync_seconds=15, deploy_seconds=30)
"""u = 1/s, the largest that anybody assumes, so that one call a tenant is not made to look bad.

The clock is not faster because the processors are not: a burst that trickles through two of them is more calls than one
that AWS works on at once. DNS is in sync sooner instead, or five hundred waiting tenants would look for their sites.
"""
LEAST_UPDATES = 0.04
"""UpdateDistribution a second that group commit keeps to: the least that anybody has seen. One call a tenant gets u."""
DESIGNS = {
    "group_commit": {"DistributionUpdatesPerSecond": f"{LEAST_UPDATES * QUOTAS.scale:g}"},
    "one_call": {"TenantsACall": "1"},
}
MOST_CALLS = 0.1
TITLE = (
    f"burst_emulated: {TENANTS} tenants at once, real stack, AWS's quotas, clock {QUOTAS.scale:g} times as fast "
    f"(group commit: no failure, nothing lost, ≤ {MOST_CALLS} Route 53 + CloudFront calls a tenant)"
)


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield one row a design: what came of it, its duration, and its calls to Route 53 and CloudFront by operation."""
    tenants = names(TENANTS)
    for design, parameters in DESIGNS.items():
        with own_stack(QUOTAS, parameters) as stack:
            say(f"{design}: starting a stack")
            stack.up()
            with calls_of(stack) as calls:
                found = burst(stack, tenants, say, f"{design}: ")
            contended = calls.of(*CONTENDED)
            aliases, records = lost(stack, found.active)
            a_tenant = contended.total() / TENANTS
            sound = len(found.active) == TENANTS and not aliases and not records
            yield {
                "tenants": TENANTS,
                "design": design,
                "seconds": round(found.seconds, 1),
                "median_seconds": round(found.median_seconds, 1),
                "active": len(found.active),
                "failed": len(found.failed),
                "aliases_lost": aliases,
                "records_lost": records,
                "aws_calls_per_tenant": round(a_tenant, 3),
                "throttles": calls.throttled(),
                **dict(sorted(contended.items())),
                "other_calls_per_tenant": round((len(calls.lines) - contended.total()) / TENANTS, 1),
                "u": QUOTAS.distribution_updates_per_second,
                "u_used": QUOTAS.distribution_updates_per_second if design == "one_call" else LEAST_UPDATES,
                "scale": QUOTAS.scale,
                "raised_quotas": raised(QUOTAS),
                "in_bound": sound and (design == "one_call" or a_tenant <= MOST_CALLS),
            }
