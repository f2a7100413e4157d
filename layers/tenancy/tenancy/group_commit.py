"""Group commit: one call to a contended system for everything that waits for it.

The state machine puts a request into the system's request table; the table's stream hands over what arrived while the
last call was under way. Requests say only who asks. What is to be done is read again from ``provisioning``, so a late
or repeated request can never undo a newer decision.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from tenancy import clock, workflow
from tenancy.errors import GenerationSuperseded, PermanentError, TenancyError
from tenancy.events import Event, Fact
from tenancy.model import TenantRecord, shown
from tenancy.provisioning import ConditionFailed, Effect, EffectState, Provisioning

_THREADS = 16


@dataclass(frozen=True)
class Request:
    """A state waits for an answer. ``sequence_number`` is the stream record's, to report it as failed."""

    tenant_id: str
    generation: int
    stage: str
    execution_arn: str
    token: str
    sequence_number: str

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
    def is_owned(self) -> bool:
        """Whether what is found for the tenant may be ours."""
        return self.effect is not None


type Result = Fact | TenancyError
type Start = Callable[[Sequence[Work]], None]


class Writer(Protocol):
    """What is particular to one contended system."""

    system: str
    """The function's name: owner of the effect."""

    def target(self, record: TenantRecord) -> str:
        """What the effect is to make true. If it is on record as done, nothing is done."""

    def commit(self, work: Sequence[Work], start: Start) -> list[tuple[Work, Result]]:
        """Make it true for all, in as few calls as possible, and say for each what happened. Raises no TenancyError:
        what went well for one call is not forgotten because the next one failed.

        start: writes the intents down; to be called with what is about to be written, before it is.
        """


class GroupCommit:
    """What every writer shares."""

    def __init__(self, writer: Writer, provisioning: Provisioning) -> None:
        self._writer = writer
        self._provisioning = provisioning

    def run(self, requests: Sequence[Request]) -> dict[Request, Exception | None]:
        """Do what is to be done for these requests, and answer them.

        Returns each request with None, or with what kept it from being answered: such a request is to be delivered
        again, and is then answered from the record.
        """
        answers: dict[tuple[str, int], Mapping[str, Any] | TenancyError] = {}
        work: dict[tuple[str, int], Work] = {}
        try:
            tenants = (request.tenant_id for request in requests)
            found = self._provisioning.records_and_effects(tenants, self._writer.system)
        except TenancyError as error:
            return self._answer_all(requests, {(each.tenant_id, each.generation): error for each in requests})
        for request in requests:
            key = (request.tenant_id, request.generation)
            record, effect = found[request.tenant_id]
            if record is None or record.lease is None or record.generation != request.generation:
                answers[key] = GenerationSuperseded(f"no execution works on generation {key[1]} of {shown(key[0])}")
            elif effect and effect.state == EffectState.DONE and effect.target == self._writer.target(record):
                answers[key] = {"changed": False}
            else:
                work[key] = Work(record, effect, request.stage)
        with ThreadPoolExecutor(_THREADS) as pool:
            results = self._writer.commit(list(work.values()), self._start) if work else []
            for item, outcome in pool.map(self._record, results):
                answers[item.record.tenant_id, item.record.generation] = outcome
        return self._answer_all(requests, answers)

    def _answer_all(
        self, requests: Sequence[Request], answers: Mapping[tuple[str, int], Mapping[str, Any] | TenancyError]
    ) -> dict[Request, Exception | None]:
        with ThreadPoolExecutor(_THREADS) as pool:
            return dict(zip(requests, pool.map(lambda request: _answer(request, answers), requests), strict=True))

    def _start(self, work: Sequence[Work]) -> None:
        self._provisioning.start_effects([self._effect(item, EffectState.STARTED) for item in work])

    def _record(self, result: tuple[Work, Result]) -> tuple[Work, Mapping[str, Any] | TenancyError]:
        """Write the outcome down, with its event, before anybody hears of it."""
        item, outcome = result
        try:
            if isinstance(outcome, TenancyError):
                self._withdraw(item, outcome)
                return item, outcome
            self._finish(item, outcome)
        except TenancyError as error:
            return item, error
        return item, {"changed": True}

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
                condition="generation = :generation AND lease.holder = :holder",
                values={":generation": record.generation, ":holder": execution},
                event=event,
                effect=self._effect(item, EffectState.DONE),
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


def _answer(request: Request, answers: Mapping[tuple[str, int], Mapping[str, Any] | TenancyError]) -> Exception | None:
    try:
        workflow.answer(request.token, answers[request.tenant_id, request.generation])
    except TenancyError as error:
        return error
    return None
