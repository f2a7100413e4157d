"""Work out what one onboarding costs."""

from bench.prices import FREE_INVALIDATIONS, PRICES
from bench.simulation import product
from bench.simulation.burst import Outcome
from bench.usage import Counted

# The state whose writer a function is; of the edge mode that the product does not have yet, the same as today's.
_FUNCTIONS = {"AttachCname": "cdn_aliases", "CreateDnsRecords": "dns_records", "InvalidateCache": "edge_cache"}


def dollars(tenants: int, outcome: Outcome, counted: Counted) -> tuple[float, float]:
    """Return the dollars for each tenant of a burst: without invalidations beyond the free ones, and with them.

    outcome: what depends on how many come at once: transitions, invocations and their seconds, invalidations.
    counted: what every tenant needs. Each execution and each publication is counted as a recorded trace, and each event
             as a request to the key: both are upper limits.
    """
    usage = outcome.usage
    more_looks = (usage.probes - tenants) * counted.probe_log_bytes
    amounts = {
        "transition": usage.transitions,
        "invocation": usage.invocations.total() + tenants * counted.publications,
        "gb_second": sum(seconds * _gb(name) for name, seconds in usage.seconds.items())
        + tenants * counted.publication_seconds * _gb("publish_events"),
        "write_unit": tenants * counted.write_units,
        "read_unit": tenants * counted.read_units + (usage.probes - tenants),
        "event": tenants * counted.events,
        "log_byte": tenants * counted.log_bytes + more_looks,
        "trace": tenants * (1 + counted.publications),
        "key_request": tenants * counted.events,
        "secret_request": tenants * counted.secrets,
        "file_byte": tenants * counted.database_bytes,
    }
    without = sum(PRICES[name].dollars * amount for name, amount in amounts.items())
    beyond = max(0, usage.tags - FREE_INVALIDATIONS) * PRICES["invalidation"].dollars
    return without / tenants, (without + beyond) / tenants


def _gb(name: str) -> float:
    return product.functions()[_FUNCTIONS.get(name, name)].memory_mb / 1024
