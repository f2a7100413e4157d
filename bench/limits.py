"""Compute the least time that a burst of tenants can take under AWS's quotas, independently of the simulation.

N tenants ask at one moment. Each has two records in the zone, created by CREATE (one change each; an UPSERT would be
two). Rates are a second's. Sources of the quotas: ``local_aws.quotas``; ``u`` (UpdateDistribution) and ``rho``
(CreateDistributionTenant) are not published, so they are parameters.
"""

from typing import Literal

from local_aws.quotas import Quotas

type Mode = Literal["alias", "distribution-tenant", "wildcard"]

RECORDS = 2  # of a tenant: A and AAAA
TRANSITIONS_A_TENANT = 15
START_SECONDS, STARTERS = 0.03, 10  # one start, and how many are under way at once
PROBE_SECONDS = 5.0  # to see a site that is there


def t_dns(tenants: int) -> float:
    """Return the seconds until the zone has taken the records of all."""
    return max(0.0, (tenants * RECORDS - Quotas.zone_change_burst) / Quotas.zone_changes_per_second)


def t_sfn(tenants: int) -> float:
    """Return the seconds until all executions are started and may make their transitions."""
    return max(
        0.0,
        (tenants - Quotas.start_burst) / Quotas.starts_per_second,
        (TRANSITIONS_A_TENANT * tenants - Quotas.transition_burst) / Quotas.transitions_per_second,
        tenants * START_SECONDS / STARTERS,
    )


def t_star(tenants: int, mode: Mode, u: float, rho: float) -> float:
    """Return the seconds until the last of N tenants is live, if nothing but AWS's quotas takes time.

    In ``alias`` one update of the distribution is enough, however many tenants there are: the wildcard serves while it
    is deployed. In ``distribution-tenant`` each tenant is a call. ``wildcard`` writes nothing.
    """
    if mode == "wildcard":
        return t_sfn(tenants) + PROBE_SECONDS
    edge = 1 / u if mode == "alias" else tenants / rho
    return max(t_dns(tenants), t_sfn(tenants), edge) + Quotas.insync_seconds


def t_one_call(tenants: int, u: float) -> float:
    """Return the same for the design with calls for each tenant: five requests and, by UPSERT, four changes."""
    requests = (5 * tenants - Quotas.zone_request_burst) / Quotas.zone_requests_per_second
    changes = (2 * RECORDS * tenants - Quotas.zone_change_burst) / Quotas.zone_changes_per_second
    return max(requests, changes, tenants / u, t_sfn(tenants)) + Quotas.insync_seconds
