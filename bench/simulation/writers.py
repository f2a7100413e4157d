"""Model a writer behind its request table: the stream's batches, an invocation, and the answers to those who wait."""

import heapq
import math
import random
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import simpy

from bench.simulation import product
from bench.simulation.clock import Clock, about
from bench.simulation.product import Timings
from local_aws.quotas import BATCH_GET_KEYS
from tenancy.domain import batching
from tenancy.domain.errors import TenancyError
from tenancy.domain.record import Operation, OperationKind, OperationState, Status, TenantRecord
from tenancy.group_commit.protocol import Result, Work, Writer
from tenancy.tables.effects import Effect, EffectState

type Process = Generator[simpy.Event, Any]


@dataclass(slots=True, eq=False)
class Tenant:
    """A tenant on its way. Moments are seconds since the burst began."""

    record: TenantRecord
    is_begun: bool = False
    stage: str = ""
    """Of the writer that has to answer."""
    entered: float = 0.0
    deliveries: int = 0
    is_started: bool = False
    """Whether an intent of this stage is on record, of a call that nobody confirmed."""
    in_sync: float = 0.0
    """When the name servers know the tenant's records."""
    ended: float | None = None
    error: TenancyError | None = None

    @classmethod
    def number(cls, number: int) -> "Tenant":
        """Return a tenant that has been claimed."""
        name = f"tenant-{number:06}"
        operation = Operation.model_construct(
            kind=OperationKind.ONBOARD,
            state=OperationState.RUNNING,
            stage="ClaimTenant",
            execution_arn=name,
            started_at="",
        )
        return cls(
            TenantRecord.model_construct(
                tenant_id=name,
                status=Status.PENDING,
                generation=1,
                attempt=1,
                operation=operation,
                spec={},
                host=f"{name}.{product.BASE_DOMAIN}",
                content_digest=None,
                created_at="",
                updated_at="",
            )
        )


class Stream:
    """A queue of requests in the order of their arrival, as Lambda's poller sees them."""

    def __init__(self, clock: Clock, timings: Timings, most: int, phase: float) -> None:
        self._clock, self._timings, self._phase = clock, timings, phase
        self._most = min(most, timings.payload_bytes // timings.record_bytes)
        self._waiting: list[tuple[float, int, Tenant]] = []
        self._number = 0
        self._filled = clock.env.event()

    def put(self, tenant: Tenant, at: float) -> None:
        """Put a request that arrives now or a little later."""
        self._number += 1
        heapq.heappush(self._waiting, (at, self._number, tenant))
        if not self._filled.triggered:
            self._filled.succeed()

    def put_back(self, tenants: Iterable[Tenant]) -> None:
        """Put requests back: they come again, before any other, in their order."""
        for tenant in tenants:
            self._number += 1
            heapq.heappush(self._waiting, (-1.0, self._number, tenant))

    def next_batch(self) -> Generator[simpy.Event, Any, list[Tenant]]:
        """Return what has arrived at the next look that finds something."""
        env, every = self._clock.env, self._timings.poll
        while True:
            if not self._waiting:
                self._filled = env.event()
                yield self._filled
            looks = math.floor((env.now - self._phase) / every + 1e-9) + 1
            yield env.timeout(self._phase + looks * every - env.now)
            batch: list[Tenant] = []
            while self._waiting and len(batch) < self._most and self._waiting[0][0] <= env.now:
                batch.append(heapq.heappop(self._waiting)[2])
            if batch:
                return batch


@dataclass
class Figures:
    """The figures of one writer. Waits are from the request until its answer."""

    deliveries_allowed: int
    invocations: int = 0
    seconds: float = 0.0
    tenants: int = 0
    most_deliveries: int = 0
    longest_wait: float = 0.0


class WriterFunction:
    """The function that owns one contended system: ``tenancy.group_commit.protocol`` with the product's writer."""

    def __init__(
        self,
        writer: Writer,
        stage: str,
        *,
        clock: Clock,
        timings: Timings,
        chance: random.Random,
        settled: Callable[[Tenant, Result, float], None],
    ) -> None:
        self.function = product.functions()[writer.system]
        self.figures = Figures(self.function.attempts)
        self.stream = Stream(clock, timings, self.function.batch_size, chance.uniform(0, timings.poll))
        self._writer, self._stage = writer, stage
        self._clock, self._timings, self._chance = clock, timings, chance
        self._settled = settled
        self._here: dict[str, Tenant] = {}
        self._answerers: list[float] = []
        self._processor = 0.0

    def request(self, tenant: Tenant, at: float) -> None:
        """Put the request into the table, as the state machine does."""
        tenant.stage, tenant.entered, tenant.deliveries, tenant.is_started = self._stage, at, 0, False
        self.stream.put(tenant, at)

    def run(self) -> Process:
        """Handle one batch after the other, as long as requests come."""
        while True:
            batch = yield from self.stream.next_batch()
            began = self._clock.env.now
            yield from self._invocation(batch)
            self.figures.invocations += 1
            self.figures.seconds += self._clock.env.now - began

    def _invocation(self, batch: Sequence[Tenant]) -> Process:
        env, timings = self._clock.env, self._timings
        until = env.now + self.function.timeout - product.WRITER_RESERVE_SECONDS
        # A record that comes again although its tenant has been answered finds that on record, and nobody waiting.
        fresh = [tenant for tenant in batch if tenant.stage == self._stage and tenant.ended is None]
        for tenant in fresh:
            tenant.deliveries += 1
            self.figures.most_deliveries = max(self.figures.most_deliveries, tenant.deliveries)
        reads = (
            math.ceil(2 * len(batch) / BATCH_GET_KEYS),
            about(timings.batch_read, self._chance),
            timings.cpu_batch_read,
        )
        yield env.timeout(self.function.batches(*reads, timings.at_once))
        self._here = {tenant.record.tenant_id: tenant for tenant in fresh}
        self._answerers, self._processor = [env.now] * timings.answerers, env.now
        yield from self._carry_out(
            batching.steps(
                [self._work(tenant) for tenant in fresh],
                self._writer.rules,
                self._writer.pace,
                until=until,
                now=lambda: float(env.now),
                chance=self._chance.random,
            )
        )
        yield env.timeout(max(0.0, max(self._answerers) - env.now))
        if self._here:
            first = next(place for place, tenant in enumerate(batch) if tenant.record.tenant_id in self._here)
            self.stream.put_back(batch[first:])

    def _carry_out(self, steps: batching.Steps[Work, Any]) -> Process:
        """Do what ``batching.carry_out`` does, in virtual time."""
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(step, batching.Pause):
                yield self._clock.env.timeout(step.seconds)
            elif isinstance(step, batching.Settled):
                self._tell(step.results)
            else:
                try:
                    answer = self._writer.write(step.items, self._start)
                except TenancyError as error:
                    answer = error
                yield self._clock.catch_up()

    def _work(self, tenant: Tenant) -> Work:
        effect = None
        if tenant.is_started:
            record = tenant.record
            effect = Effect(record.tenant_id, self._writer.system, EffectState.STARTED, 1, 1, "")
        return Work(tenant.record, effect, self._stage)

    def _start(self, work: Sequence[Work]) -> None:
        timings = self._timings
        writes = math.ceil(len(work) / 25), about(timings.intents, self._chance), timings.cpu_intents
        self._clock.take(self.function.batches(*writes, timings.at_once))
        for item in work:
            self._here[item.record.tenant_id].is_started = True

    def _tell(self, results: Sequence[tuple[Work, Result]]) -> None:
        """Write each result down and answer who waits: many at a time, as far as the processor allows."""
        now, timings = float(self._clock.env.now), self._timings
        for item, result in results:
            tenant = self._here.pop(item.record.tenant_id)
            begin = max(now, self._answerers[0])
            self._processor = max(begin, self._processor) + timings.cpu_answer / self.function.processors
            at = max(self._processor, begin + about(timings.transaction + timings.answer, self._chance))
            heapq.heapreplace(self._answerers, at)
            self.figures.tenants += 1
            self.figures.longest_wait = max(self.figures.longest_wait, at - tenant.entered)
            tenant.stage = ""
            self._settled(tenant, result, at)
