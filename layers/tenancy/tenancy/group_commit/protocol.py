"""Group commit is one call to a contended system for everything that waits for it.

The state machine puts a request into the system's request table; the table's stream hands over what arrived while the
last call was under way. Requests say only who asks. What is to be done is read again from ``provisioning``, so a late
or repeated request can never undo a newer decision.
"""

import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence, Set
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from tenancy.domain import batching
from tenancy.domain.batching import Pace, Rules, Steps
from tenancy.domain.errors import ConcurrentUpdate, GenerationSuperseded, PermanentError, TenancyError
from tenancy.domain.events import Fact
from tenancy.domain.record import TenantRecord
from tenancy.domain.systems import System
from tenancy.domain.values import shown
from tenancy.platform import step_functions
from tenancy.tables.effects import ADOPTED, Effect, EffectState
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.transaction import where

THREADS = 16
_JOINS = 5  # times another writer may be faster

type Key = tuple[str, int]
"""A tenant, and which of its desired states."""


@dataclass(frozen=True)
class Request:
    """A state waits for an answer. ``sequence_number`` is the stream record's, to report it as failed."""

    tenant_id: str
    generation: int
    stage: str
    execution_arn: str
    token: str
    sequence_number: str

    @property
    def key(self) -> Key:
        return self.tenant_id, self.generation

    @classmethod
    def parse(cls, record: Mapping[str, Any]) -> "Request":
        """Return the request in a record of its table's stream (NEW_IMAGE). Raises KeyError for what is no request."""
        image = record["dynamodb"]["NewImage"]
        return cls(
            tenant_id=image["tenant_id"]["S"],
            generation=int(image["generation"]["N"]),
            stage=image["stage"]["S"],
            execution_arn=image["execution_arn"]["S"],
            token=image["token"]["S"],
            sequence_number=record["dynamodb"]["SequenceNumber"],
        )


@dataclass(frozen=True)
class Work:
    """One tenant for which something is to be done.

    effect: the intent of an earlier try, whose outcome is not known, or a result with another target; None if this
            control plane has never touched the system for the tenant.
    """

    record: TenantRecord
    effect: Effect | None
    stage: str

    @property
    def key(self) -> Key:
        return self.record.tenant_id, self.record.generation

    @property
    def is_wanted(self) -> bool:
        """Return whether the effect is to be there, or to be undone."""
        return self.record.is_wanted

    @property
    def is_adopted(self) -> bool:
        """Return whether what is there was there before, and nobody of ours has written to it yet."""
        return self.effect is not None and self.effect.writer == ADOPTED

    @property
    def is_owned(self) -> bool:
        """Return whether what is found for the tenant may be ours."""
        return self.effect is not None


type Result = Fact | TenancyError
type Outcome = Mapping[str, Any] | TenancyError
type Start = Callable[[Sequence[Work]], None]
type Settlement = Result | Mapping[str, Any]
"""A result, or what another writer has recorded already."""


class Joined(Exception):
    """Another writer has begun, or ended, the same for these tenants."""

    def __init__(self, tenants: Set[str]) -> None:
        super().__init__(", ".join(sorted(tenants)))
        self.tenants = tenants


class Left(Exception):
    """The time was over before the request's turn came. It is to be delivered again."""


class Writer(Protocol):
    """What is particular to one contended system."""

    rules: Rules[Work]
    """What fits into one call, and what it costs."""

    pace: Pace
    """How fast calls may follow each other. It outlives an invocation, as the quota does."""

    @property
    def system(self) -> System:
        """Return the system that the effect is on."""

    def target(self, record: TenantRecord) -> str:
        """Return what the effect is to make true. If it is on record as done, nothing is done."""

    def write(self, batch: Sequence[Work], start: Start) -> Sequence[Result]:
        """Make it true for all of the batch by one call. Returns what happened for each, in their order.

        start: writes the intents down; to be called with what is about to be written, before it is. What it raises is
               not for the writer.
        Raises a TenancyError if the system refuses the whole call: then nothing has happened, or, after
               ServiceUnavailable, nobody knows.
        """


class GroupCommit:
    """What every writer shares."""

    def __init__(self, writer: Writer, provisioning: Provisioning) -> None:
        self._writer = writer
        self._provisioning = provisioning
        self._invocation = ""
        step_functions.prepare()

    def run(self, requests: Sequence[Request], until: float) -> dict[Request, Exception | None]:
        """Do what is to be done for these requests, and answer each as soon as it is known.

        until: when no further call may begin, by ``time.monotonic()``.
        Returns each request with None, or with what kept it from being answered: such a request is to be delivered
        again, and is then answered from the record.
        """
        self._invocation = secrets.token_hex(8)
        waiting: dict[Key, list[Request]] = {}
        for request in requests:
            waiting.setdefault(request.key, []).append(request)
        told: list[Future[dict[Request, Exception | None]]] = []
        with ThreadPoolExecutor(THREADS) as pool:

            def settled(results: Sequence[tuple[Work, Settlement]]) -> None:
                for item, result in results:
                    told.append(pool.submit(self._tell, waiting[item.key], item, result))

            try:
                work, known = self._look_up({key: some[0].stage for key, some in waiting.items()})
            except TenancyError as error:
                work, known = [], dict.fromkeys(waiting, error)
            told += [pool.submit(_answer_all, waiting[key], outcome) for key, outcome in known.items()]
            rules, pace = self._writer.rules, self._writer.pace
            what: Steps[Work, Any] = batching.steps(
                work, rules, pace, until=until, now=time.monotonic, chance=random.random
            )
            batching.carry_out(what, pause=time.sleep, call=self._write, settled=settled)
        answered: dict[Request, Exception | None] = dict.fromkeys(requests, Left())
        for each in told:
            answered |= each.result()
        return answered

    def _look_up(self, stages: Mapping[Key, str]) -> tuple[list[Work], dict[Key, Outcome]]:
        """Return (what is to be done, what is known already): the record decides, not the request."""
        found = self._provisioning.records_and_effects((tenant_id for tenant_id, _ in stages), self._writer.system)
        work: list[Work] = []
        known: dict[Key, Outcome] = {}
        for key, stage in stages.items():
            tenant_id, generation = key
            record, effect = found[tenant_id]
            if record is None or record.lease is None or record.generation != generation:
                known[key] = GenerationSuperseded(
                    f"no execution works on generation {generation} of {shown(tenant_id)}"
                )
            elif _is_done(record, effect, self._writer.target(record)):
                known[key] = {"changed": False}
            else:
                work.append(Work(record, effect, stage))
        return work, known

    def _write(self, batch: Sequence[Work]) -> Sequence[Settlement]:
        """Make one call for all, unless another writer has the same in hand: then what it does is ours too."""
        settled: dict[Key, Settlement] = {}
        left = list(batch)
        for _ in range(_JOINS):
            try:
                results = self._writer.write(left, self._start) if left else []
            except Joined as joined:
                rivals = joined.tenants
            except TenancyError as error:
                if not settled:
                    raise
                # Some are settled, and must not be asked for again as if nothing had happened.
                return [settled.get(item.key, error) for item in batch]
            else:
                settled |= {item.key: result for item, result in zip(left, results, strict=True)}
                left = [item for item in left if self._has_rival(item, settled[item.key])]
                rivals = {item.record.tenant_id for item in left}
            if not rivals:
                return [settled[item.key] for item in batch]
            left, known = self._join(left, rivals)
            settled |= known
        busy = ConcurrentUpdate(f"another writer of {self._writer.system} works on the same tenants all the time")
        settled |= dict.fromkeys((item.key for item in left), busy)
        return [settled[item.key] for item in batch]

    def _join(self, batch: Sequence[Work], tenants: Set[str]) -> tuple[list[Work], dict[Key, Settlement]]:
        """Read the batch again, as far as these tenants are concerned."""
        again, known = self._look_up({item.key: item.stage for item in batch if item.record.tenant_id in tenants})
        fresh = {item.key: item for item in again}
        return [fresh.get(item.key, item) for item in batch if item.key not in known], dict(known)

    def _has_rival(self, item: Work, result: Settlement) -> bool:
        """Return whether what was taken for somebody else's may be the work of another writer of ours."""
        if (item.is_owned and not item.is_adopted) or not isinstance(result, PermanentError):
            return False
        tenant_id = item.record.tenant_id
        was = item.effect.writer if item.effect else None
        _, effect = self._provisioning.records_and_effects([tenant_id], self._writer.system)[tenant_id]
        return effect is not None and effect.writer not in (self._invocation, was)

    def _start(self, work: Sequence[Work]) -> None:
        intents = [(self._effect(item, EffectState.STARTED), item.effect) for item in work]
        if faster := self._provisioning.effects.start_all(intents):
            raise Joined(faster)

    def _tell(self, requests: Sequence[Request], item: Work, result: Settlement) -> dict[Request, Exception | None]:
        """Write the outcome down, with its event, before anybody hears of it."""
        outcome: Outcome = {"changed": True}
        try:
            if isinstance(result, TenancyError):
                outcome = result
                self._withdraw(item, result)
            elif isinstance(result, Fact):
                self._finish(item, result)
            else:
                outcome = result
        except TenancyError as error:
            outcome = error
        return _answer_all(requests, outcome)

    def _withdraw(self, item: Work, error: TenancyError) -> None:
        if isinstance(error, PermanentError) and not item.is_owned:
            self._provisioning.effects.withdraw(self._effect(item, EffectState.STARTED))

    def _finish(self, item: Work, fact: Fact) -> None:
        record = item.record
        execution = record.operation.execution_arn
        as_it_was = where(
            "generation = :generation AND lease.holder = :holder AND operation.#state = :state",
            generation=record.generation,
            holder=execution,
            state=record.operation.state,
        )
        result = (
            self._provisioning.transaction(record.tenant_id)
            .set({"operation.stage": item.stage})
            .require(as_it_was)
            .tell(fact, generation=record.generation, execution_arn=execution)
        )
        if item.is_wanted:
            result.effect(self._effect(item, EffectState.DONE))
        else:
            result.forget(self._writer.system)
        result.commit(otherwise=GenerationSuperseded(f"{shown(record.tenant_id)} changed hands during {item.stage}"))

    def _effect(self, item: Work, state: EffectState) -> Effect:
        record = item.record
        return Effect(
            tenant_id=record.tenant_id,
            system=self._writer.system,
            state=state,
            generation=record.generation,
            attempt=record.attempt,
            target=self._writer.target(record),
            writer=self._invocation,
        )


def _is_done(record: TenantRecord, effect: Effect | None, target: str) -> bool:
    if not record.is_wanted:
        return effect is None
    return effect is not None and effect.state == EffectState.DONE and effect.target == target


def _answer_all(requests: Sequence[Request], outcome: Outcome) -> dict[Request, Exception | None]:
    return {request: _answer(request, outcome) for request in requests}


def _answer(request: Request, outcome: Outcome) -> Exception | None:
    try:
        step_functions.answer(request.token, outcome)
    except TenancyError as error:
        return error
    return None
