"""Simulate N tenants that ask at one moment, from PutItem to ACTIVE."""

import heapq
import random
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, Literal
from unittest.mock import patch

import simpy

from bench.limits import Mode
from bench.simulation import product
from bench.simulation.clock import Bucket, Clock, about
from bench.simulation.product import Timings
from bench.simulation.services import Calls, CloudFront, Route53
from bench.simulation.writers import Figures, Tenant, WriterFunction
from local_aws.quotas import Quotas
from tenancy.domain.errors import TenancyError
from tenancy.group_commit import dns_records
from tenancy.group_commit.protocol import Result, Writer
from tenancy.platform import aws, quota

type Design = Literal["group_commit", "one_call"]

STARTS_A_RECORD = 4  # botocore's standard mode, total_max_attempts
RAISED_ROOM = 2  # aliases and records that are there before the first tenant


@dataclass(frozen=True)
class Case:
    """A case to simulate. ``u``, ``rho``: UpdateDistribution and CreateDistributionTenant a second.

    poison: place of a tenant whose name somebody else has, and where: an alias of another distribution, or a record.
    """

    tenants: int
    mode: Mode = "alias"
    design: Design = "group_commit"
    u: float = 0.2
    rho: float = 10.0
    seed: int = 1
    poison: int | None = None
    poison_in: Literal["alias", "record"] = "record"

    def quotas(self) -> Quotas:
        """Return AWS's quotas, raised as far as so many tenants need it."""
        default = Quotas()
        wanted = replace(
            default,
            distribution_updates_per_second=self.u,
            distribution_tenants_per_second=self.rho,
        )
        if self.mode == "alias":
            wanted = replace(wanted, aliases=max(default.aliases, self.tenants + RAISED_ROOM))
        if self.mode != "wildcard":
            wanted = replace(wanted, zone_records=max(default.zone_records, 2 * self.tenants + RAISED_ROOM))
        return wanted


@dataclass
class Usage:
    """The use of what is paid for by number or time: function → invocations and seconds; state transitions."""

    invocations: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    cold_starts: int = 0
    transitions: int = 0
    probes: int = 0
    tags: int = 0


@dataclass(frozen=True)
class Outcome:
    """The outcome of a burst."""

    makespan: float
    active: int
    failed: Mapping[str, int]
    """Error → tenants."""
    calls: Mapping[str, int]
    """Operation of Route 53 or CloudFront → calls."""
    refused: Mapping[str, int]
    """Error code of AWS → calls. ``Throttling`` means that the product was too fast."""
    usage: Usage
    writers: Mapping[str, Figures]
    """State → what its writer did."""
    transitions_peak: int
    """In one second."""
    functions_peak: float
    """Invocations at once, as the mean over a second."""
    finished: Mapping[str, float]
    """Tenant → when it was ACTIVE, or had failed."""

    @property
    def aws_calls(self) -> int:
        return sum(self.calls.values())

    @property
    def outlasts(self) -> bool:
        """Return whether no state ran into its TimeoutSeconds and no request was given up by its stream."""
        return all(
            figures.longest_wait < product.states()[stage]["TimeoutSeconds"]
            and figures.most_deliveries <= figures.deliveries_allowed
            for stage, figures in self.writers.items()
        )


class _Pool:
    """The environments of a function. One is warm from before."""

    def __init__(self) -> None:
        self._free = [0.0]

    def takes(self, at: float, seconds: float, cold: float) -> float:
        """Return the seconds of an invocation that begins at this moment."""
        if self._free and self._free[0] <= at:
            heapq.heapreplace(self._free, at + seconds)
            return seconds
        heapq.heappush(self._free, at + cold + seconds)
        return cold + seconds


class Burst:
    """A run of one case. The same case gives the same outcome."""

    def __init__(self, case: Case, timings: Timings | None = None) -> None:
        self._case, self._timings = case, timings or Timings()
        self._clock, self._chance, self._calls = Clock(), random.Random(case.seed), Calls()  # noqa: S311
        quotas = case.quotas()
        service = quotas, self._clock, self._chance, self._calls
        self._zone, self._cdn = Route53(*service), CloudFront(*service)
        self._starts = Bucket(quotas.start_burst, quotas.starts_per_second)
        self._quotas = quotas
        self._tenants = [Tenant.number(number) for number in range(case.tenants)]
        if case.poison is not None:
            foreign = self._zone.foreign if case.poison_in == "record" else self._cdn.foreign
            foreign.add(self._tenants[case.poison].record.host)
        self._pools: dict[str, _Pool] = {}
        self._usage = Usage()
        self._transitions: Counter[int] = Counter()
        self._busy: defaultdict[int, float] = defaultdict(float)
        self._failed: Counter[str] = Counter()
        self._path = [state for state in product.path() if state in self._needed()]
        with self._clients():
            self._writers = {stage: self._function(stage, writer) for stage, writer in self._makers()}
        self._retry = product.retry("VerifyTenant", "SiteNotReady")
        self._functions = {
            "ClaimTenant": ("tenant_record", self._timings.claim),
            "SeedDatabase": ("tenant_database", self._timings.seed),
            "ActivateTenant": ("tenant_record", self._timings.activate),
        }

    def _needed(self) -> set[str]:
        """Return the machine's states; in mode ``wildcard`` without those that write zone and distribution."""
        without = {"AttachCname", "CreateDnsRecords"} if self._case.mode == "wildcard" else set()
        return set(product.states()) - without

    def _makers(self) -> Iterator[tuple[str, Writer]]:
        quotas = self._quotas
        most = 1 if self._case.design == "one_call" else product.tenants_a_call()
        if self._case.mode == "alias":
            yield "AttachCname", product.alias_writer(quotas, most)
        if self._case.mode == "distribution-tenant":
            yield "AttachCname", product.DistributionTenants(quotas, most)
        if self._case.mode != "wildcard":
            yield "CreateDnsRecords", product.dns_writer(quotas, most)
        yield "InvalidateCache", product.cache_writer(quotas, most)

    def _function(self, stage: str, writer: Writer) -> WriterFunction:
        def settled(tenant: Tenant, result: Result, at: float) -> None:
            self._settled(tenant, stage, result, at)

        return WriterFunction(
            writer, stage, clock=self._clock, timings=self._timings, chance=self._chance, settled=settled
        )

    def run(self) -> Outcome:
        """Simulate until every tenant is ACTIVE or has failed."""
        env = self._clock.env
        for writer in self._writers.values():
            env.process(writer.run())
        waiting = list(reversed(self._tenants))
        for _ in range(product.functions()["start_workflow"].parallel):
            env.process(self._starter(waiting))
        with self._clients():
            env.run()
        finished = {tenant.record.tenant_id: tenant.ended for tenant in self._tenants}
        if None in finished.values():
            raise AssertionError("a tenant was forgotten on its way")
        peak = max(self._transitions.values())
        if peak > self._quotas.transitions_per_second:
            raise AssertionError(f"{peak} transitions in a second: AWS would delay them, and the simulation does not")
        self._count_writers()
        return Outcome(
            makespan=max(moment for moment in finished.values() if moment is not None),
            active=len(self._tenants) - self._failed.total(),
            failed=dict(self._failed),
            calls=dict(self._calls.made),
            refused=dict(self._calls.refused),
            usage=self._usage,
            writers={stage: writer.figures for stage, writer in self._writers.items()},
            transitions_peak=peak,
            functions_peak=max(self._busy.values()),
            finished={name: moment for name, moment in finished.items() if moment is not None},
        )

    @contextmanager
    def _clients(self) -> Iterator[None]:
        """Give the writers this simulation's boto3 clients and clock in the block; what they report goes nowhere."""
        services = {"route53": self._zone, "cloudfront": self._cdn}
        with (
            patch.object(aws, "client", lambda service, **_: services[service]),
            patch.object(dns_records, "time", SimpleNamespace(monotonic=self._clock.now)),
            patch.object(quota, "report"),
        ):
            yield

    def _count_writers(self) -> None:
        for stage, writer in self._writers.items():
            self._usage.invocations[stage] += writer.figures.invocations
            self._usage.seconds[stage] += round(writer.figures.seconds, 3)
        self._usage.tags = self._writers["InvalidateCache"].figures.tenants

    # --- functions and states -----------------------------------------------------------------------------------------

    def _invoke(self, function: str, at: float, seconds: float) -> float:
        """Call a function, as a state does; return when it has the answer."""
        pool = self._pools.setdefault(function, _Pool())
        took = pool.takes(at, about(seconds, self._chance), self._timings.cold)
        self._count(function, at, took)
        return at + took

    def _count(self, function: str, at: float, seconds: float) -> None:
        self._usage.invocations[function] += 1
        self._usage.seconds[function] += seconds
        self._busy[int(at)] += seconds

    def _enter(self, at: float) -> float:
        """Make a transition into a state, or again into the same one; return when it is done."""
        self._usage.transitions += 1
        self._transitions[int(at)] += 1
        return at + self._timings.transition

    # --- the way of a tenant ------------------------------------------------------------------------------------------

    def _starter(self, waiting: list[Tenant]) -> Generator[simpy.Event, Any]:
        """Poll the tenants table's stream: a batch, an invocation, one start after the other."""
        env, timings = self._clock.env, self._timings
        most = product.functions()["start_workflow"].batch_size
        yield env.timeout(self._chance.uniform(0, timings.poll))
        while waiting:
            batch = [waiting.pop() for _ in range(min(most, len(waiting)))]
            began = env.now
            cold = self._pools.setdefault("start_workflow", _Pool()).takes(began, 1e9, timings.cold) - 1e9
            yield env.timeout(cold)
            left = batch
            while left:
                left = yield from self._start_all(left)
            self._count("start_workflow", began, env.now - began)

    def _start_all(self, batch: list[Tenant]) -> Generator[simpy.Event, Any, list[Tenant]]:
        """Start each; return what Lambda would deliver again: everything from the first that was refused."""
        env, first_refused = self._clock.env, None
        for place, tenant in enumerate(batch):
            for tries in range(STARTS_A_RECORD):
                yield env.timeout(about(self._timings.start, self._chance))
                if self._starts.take(1, env.now):
                    self._claim(tenant, env.now)
                    break
                self._calls.refused["ThrottlingException"] += 1
                yield env.timeout(self._chance.random() * 2**tries)
            else:
                first_refused = place if first_refused is None else first_refused
        return [] if first_refused is None else batch[first_refused:]

    def _claim(self, tenant: Tenant, at: float) -> None:
        if not tenant.is_begun:  # else the execution exists: a repeated record starts nothing
            tenant.is_begun = True
            self._advance(tenant, 0, self._enter(at))

    def _advance(self, tenant: Tenant, place: int, at: float) -> None:
        """Go from one state to the next, until a writer has to answer or nothing is left to be done."""
        for state in self._path[place:]:
            at = self._enter(at)
            if state in self._writers:
                self._writers[state].request(tenant, at + about(self._timings.put_item, self._chance))
                return
            if state == "VerifyTenant":
                at = self._verify(tenant, at)
            elif state in self._functions:
                function, seconds = self._functions[state]
                at = self._invoke(function, at, seconds)
        tenant.ended = self._enter(at)

    def _settled(self, tenant: Tenant, state: str, result: Result, at: float) -> None:
        """Go on when a writer has answered, now or in a moment (``at``)."""
        if isinstance(result, TenancyError):
            self._failed[type(result).__name__] += 1
            at = self._invoke("tenant_record", self._enter(at), self._timings.activate)
            tenant.ended = self._enter(self._enter(at))
            return
        if state == "CreateDnsRecords":
            tenant.in_sync = self._clock.env.now + self._quotas.insync_seconds
        self._advance(tenant, self._path.index(state) + 1, at)

    def _verify(self, tenant: Tenant, at: float) -> float:
        """Look until the site is there, as VerifyTenant and its Retry do; return when it was seen.

        Written out in one loop, because a burst of 100,000 looks five million times.
        """
        timings, retry, chance = self._timings, self._retry, self._chance
        seen = timings.probe + product.PROBES_IN_A_ROW * timings.visit + product.PROBE_PAUSE_SECONDS
        until, look = at + product.PROBE_PATIENCE_SECONDS, at + timings.probe
        while look < tenant.in_sync and look + timings.visit <= until:
            look += timings.visit + product.PROBE_PAUSE_SECONDS
        took = look - at
        transitions, busy, once = self._transitions, self._busy, timings.probe + timings.visit
        number = 0
        while look < tenant.in_sync:
            busy[int(at)] += took + timings.visit
            at = look + timings.visit + retry.delay(number, chance)
            transitions[int(at)] += 1
            look = at + timings.transition + timings.probe
            at, took, number = at + timings.transition, timings.probe, number + 1
            self._usage.seconds["tenant_probe"] += once
        if number > retry.attempts:
            raise AssertionError(f"VerifyTenant gave {tenant.record.tenant_id} up after {number} looks")
        busy[int(at)] += took + seen
        self._usage.seconds["tenant_probe"] += took + seen
        self._usage.invocations["tenant_probe"] += number + 1
        self._usage.transitions += number
        self._usage.probes += number + 1
        return look + seen
