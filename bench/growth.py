"""Measure how seconds, calls and memory grow with the number of tenants that come at once, under AWS's quotas."""

from collections.abc import Callable, Iterator
from typing import Any

from bench.bursts import burst, names, raised
from bench.calls import CONTENDED, calls_of
from bench.stacks import memory_mib, own_stack, processor_seconds
from local_aws.quotas import Quotas

SIZES = (100, 200, 500, 1000)
SMALL = {"SIZES": (2,)}
QUOTAS = Quotas(scale=20, distribution_updates_per_second=1, aliases=1200)
TITLE = f"growth: tenants at once in a new stack each, AWS's quotas, clock {QUOTAS.scale:g} times as fast"


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield one row a size. memory_mib: all processes of the stack when the last tenant is live, and at the start."""
    for size in SIZES:
        with own_stack(QUOTAS) as stack:
            say(f"{size} tenants: starting a stack")
            stack.up()
            idle, spent = memory_mib(stack), processor_seconds(stack)
            with calls_of(stack) as calls:
                found = burst(stack, names(size), say)
            contended = calls.of(*CONTENDED).total()
            yield {
                "tenants": size,
                "seconds": round(found.seconds, 1),
                "tenants_per_second": round(len(found.active) / found.seconds, 1),
                "active": len(found.active),
                "failed": len(found.failed),
                "processor_seconds": round(processor_seconds(stack) - spent, 1),
                "calls": len(calls.lines),
                "calls_per_tenant": round(len(calls.lines) / size, 1),
                "route53_and_cloudfront": contended,
                "aws_calls_per_tenant": round(contended / size, 3),
                "throttles": calls.throttled(),
                "memory_mib": round(memory_mib(stack)),
                "memory_mib_idle": round(idle),
                "scale": QUOTAS.scale,
                "raised_quotas": raised(QUOTAS),
            }
