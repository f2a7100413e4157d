"""Group commit: one call to a contended system for everything that waits for it.

The state machine puts a request into the system's request table; the table's stream hands over what arrived while the
last call was under way. Requests say only who asks. What is to be done is read again from ``provisioning``, so a late
or repeated request can never undo a newer decision.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from tenancy import batching, clock, workflow
from tenancy.batching import Pace, Rules, Steps
from tenancy.errors import GenerationSuperseded, PermanentError, TenancyError
from tenancy.events import Event, Fact
from tenancy.model import TenantRecord, shown
from tenancy.provisioning import ConditionFailed, Effect, EffectState, Provisioning

_THREADS = 16

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
        """From a record of a request table's stream (NEW_IMAGE). Raises KeyError for what is no request."""
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
        """Whether the effect is to be there, or to be undone."""
        return self.record.is_wanted

    @property
    def is_owned(self) -> bool:
        """Whether what is found for the tenant may be ours."""
        return self.effect is not None


type Result = Fact | TenancyError
type Outcome = Mapping[str, Any] | TenancyError
type Start = Callable[[Sequence[Work]], None]


class Left(Exception):
    """The time was over before the request's turn came. It is to be delivered again."""


class Writer(Protocol):
    """What is particular to one contended system."""

    system: str
    """The function's name: owner of the effect."""

    rules: Rules[Work]
    """What fits into one call, and what it costs."""

    pace: Pace
    """How fast calls may follow each other. It outlives an invocation, as the quota does."""

    def target(self, record: TenantRecord) -> str:
        """What the effect is to make true. If it is on record as done, nothing is done."""

    def write(self, batch: Sequence[Work], start: Start) -> Sequence[Result]:
        """Make it true for all of the batch by one call. Returns what happened for each, in their order.

        start: writes the intents down; to be called with what is about to be written, before it is.
        Raises a TenancyError if the system refuses the whole call: then nothing has happened, or, after
               ServiceUnavailable, nobody knows.
        """


class GroupCommit:
    """What every writer shares."""

    def __init__(self, writer: Writer, provisioning: Provisioning) -> None:
        self._writer = writer
        self._provisioning = provisioning
        workflow.prepare()

    def run(self, requests: Sequence[Request], until: float) -> dict[Request, Exception | None]:
        """Do what is to be done for these requests, and answer each as soon as it is known.

        until: when no further call may begin, by ``time.monotonic()``.
        Returns each request with None, or with what kept it from being answered: such a request is to be delivered
        again, and is then answered from the record.
        """
        waiting: dict[Key, list[Request]] = {}
        for request in requests:
            waiting.setdefault(request.key, []).append(request)
        told: list[Future[dict[Request, Exception | None]]] = []
        with ThreadPoolExecutor(_THREADS) as pool:

            def settled(results: Sequence[tuple[Work, Result]]) -> None:
                for item, result in results:
                    told.append(pool.submit(self._tell, waiting[item.key], item, result))

            try:
                work, known = self._look_up({key: some[0].stage for key, some in waiting.items()})
            except TenancyError as error:
                work, known = [], dict.fromkeys(waiting, error)
            told += [pool.submit(_answer_all, waiting[key], outcome) for key, outcome in known.items()]
            rules, pace = self._writer.rules, self._writer.pace
            what: Steps[Work, Fact] = batching.steps(
                work, rules, pace, until=until, now=time.monotonic, chance=random.random
            )
            batching.carry_out(
                what,
                pause=time.sleep,
                call=lambda batch: self._writer.write(batch, self._start),
                settled=settled,
            )
        answered: dict[Request, Exception | None] = dict.fromkeys(requests, Left())
        for each in told:
            answered |= each.result()
        return answered

    def _look_up(self, stages: Mapping[Key, str]) -> tuple[list[Work], dict[Key, Outcome]]:
        """(what is to be done, what is known already): the record decides, not the request."""
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

    def _start(self, work: Sequence[Work]) -> None:
        self._provisioning.start_effects([self._effect(item, EffectState.STARTED) for item in work])

    def _tell(self, requests: Sequence[Request], item: Work, result: Result) -> dict[Request, Exception | None]:
        """Write the outcome down, with its event, before anybody hears of it."""
        outcome: Outcome = {"changed": True}
        try:
            if isinstance(result, TenancyError):
                outcome = result
                self._withdraw(item, result)
            else:
                self._finish(item, result)
        except TenancyError as error:
            outcome = error
        return _answer_all(requests, outcome)

    def _withdraw(self, item: Work, error: TenancyError) -> None:
        if isinstance(error, PermanentError) and not item.is_owned:
            self._provisioning.withdraw_effect(self._effect(item, EffectState.STARTED))

    def _finish(self, item: Work, fact: Fact) -> None:
        record = item.record
        execution = record.operation.execution_arn
        event = Event.of(
            fact,
            tenant_id=record.tenant_id,
            generation=record.generation,
            execution_arn=execution,
            occurred_at=clock.now(),
        )
        try:
            self._provisioning.commit(
                record.tenant_id,
                fields={"operation.stage": item.stage},
                condition="generation = :generation AND lease.holder = :holder AND operation.#state = :state",
                values={
                    ":generation": record.generation,
                    ":holder": execution,
                    ":state": str(record.operation.state),
                },
                event=event,
                effect=self._effect(item, EffectState.DONE) if item.is_wanted else None,
                forget=() if item.is_wanted else (self._writer.system,),
            )
        except ConditionFailed:
            raise GenerationSuperseded(f"{shown(record.tenant_id)} changed hands during {item.stage}") from None

    def _effect(self, item: Work, state: EffectState) -> Effect:
        record = item.record
        return Effect(
            tenant_id=record.tenant_id,
            system=self._writer.system,
            state=state,
            generation=record.generation,
            attempt=record.attempt,
            target=self._writer.target(record),
        )


def _is_done(record: TenantRecord, effect: Effect | None, target: str) -> bool:
    if not record.is_wanted:
        return effect is None
    return effect is not None and effect.state == EffectState.DONE and effect.target == target


def _answer_all(requests: Sequence[Request], outcome: Outcome) -> dict[Request, Exception | None]:
    return {request: _answer(request, outcome) for request in requests}


def _answer(request: Request, outcome: Outcome) -> Exception | None:
    try:
        workflow.answer(request.token, outcome)
    except TenancyError as error:
        return error
    return None
