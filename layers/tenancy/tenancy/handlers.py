"""Every function does this around its one call: reading the request, logs, metrics, trace, partial failures.

Each log line carries the tenant and the execution. Nothing here decides anything.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_type_hints

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tenancy.domain.calls import Call
from tenancy.domain.errors import SupersededError, TenancyError
from tenancy.group_commit.protocol import GroupCommit, Left, Request, Writer
from tenancy.tables.provisioning import Provisioning

type Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]

# Of an invocation's time, for the call that is under way when the time is over (the client waits for 60 s at most) and
# for writing down and answering what it brought.
RESERVE_SECONDS = 90.0
# The same for a batch of a queue: a call waits for 7 s at most, and then the messages that come again are postponed.
_QUEUE_RESERVE_SECONDS = 10.0

logger = Logger()
tracer = Tracer()
metrics = Metrics()


def stage(**works: Callable[[Any], dict[str, Any]]) -> Handler:
    """Return the handler of a function that states call: ``stage(ClaimTenant=…, ActivateTenant=…)``.

    The type of a work's ``call`` is what its state passes: what is missing, or is none of it, is refused.
    """
    asked: dict[str, type[Call]] = {state: get_type_hints(work)["call"] for state, work in works.items()}

    def run(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        call = asked[event["stage"]].model_validate(event)
        logger.append_keys(tenant_id=call.tenant_id, execution_arn=call.execution_arn, stage=call.stage)
        tracer.put_annotation("tenant_id", call.tenant_id)
        metrics.add_dimension("stage", call.stage)
        try:
            result = works[call.stage](call)
        except TenancyError as error:
            _count(error)
            logger.warning(str(error), extra={"code": type(error).__name__})
            raise
        _count(None)
        logger.info("done", extra={"result": result})
        return result

    return _observed(run)


def group_commit(writer: Writer, provisioning_table: str) -> Handler:
    """Return the handler of a function that owns a contended system, behind the stream of its request table."""
    commit = GroupCommit(writer, Provisioning(provisioning_table))

    def run(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        requests, unreadable = _requests(event["Records"])
        until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - RESERVE_SECONDS
        answers = commit.run(requests, until) if requests else {}
        for request, error in answers.items():
            keys = {
                "tenant_id": request.tenant_id,
                "execution_arn": request.execution_arn,
                "stage": request.stage,
                "generation": request.generation,
            }
            if isinstance(error, Left):
                logger.info("left for the next time", extra=keys)
            elif error:
                logger.error("the request could not be answered and comes again: %s", error, extra=keys)
            else:
                logger.info("answered", extra=keys)
        again = [request.sequence_number for request, error in answers.items() if error] + unreadable
        return _partial_response(event, again)

    return _observed(run)


def stream(work: Callable[[dict[str, Any]], None]) -> Handler:
    """Return the handler of a function that takes the records of a table's stream, each for itself."""
    return _each(work, lambda record: record["dynamodb"]["SequenceNumber"])


def messages(work: Callable[[str], None]) -> Handler:
    """Return the handler of a function that takes the messages of a queue, the body of each for itself."""
    return _each(lambda record: work(record["body"]), lambda record: record["messageId"])


def _each(work: Callable[[dict[str, Any]], None], identify: Callable[[dict[str, Any]], str]) -> Handler:
    def run(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        again = []
        for record in event["Records"]:
            try:
                work(record)
            except Exception:
                logger.exception("the record comes again")
                again.append(identify(record))
        return _partial_response(event, again)

    return _observed(run)


def queue(work: Callable[[Sequence[Mapping[str, Any]], float], Mapping[str, Exception]]) -> Handler:
    """Return the handler of a function that takes the messages of a queue together.

    work: the batch, and when nothing further may begin by ``time.monotonic()`` → ids of those that must come again,
          and why.
    """

    def run(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        until = time.monotonic() + context.get_remaining_time_in_millis() / 1000 - _QUEUE_RESERVE_SECONDS
        again = work(event["Records"], until)
        for why, count in Counter(f"{type(error).__name__}: {error}" for error in again.values()).items():
            logger.error("%d messages come again: %s", count, why)
        return _partial_response(event, again)

    return _observed(run)


def schedule(**works: Callable[[], dict[str, Any]]) -> Handler:
    """Return the handler of a function that a schedule calls: ``{"work": name}``, or the first work of all."""
    first = next(iter(works))

    def run(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        result = works[event.get("work", first)]()
        _count(None)
        logger.info("done", extra={"result": result})
        return result

    return _observed(run)


def ordered_stream(work: Callable[[Sequence[Mapping[str, Any]]], list[str]]) -> Handler:
    """Return the handler of a function that takes a batch of records as a whole, and says which must come again."""

    def run(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        again = work(event["Records"])
        return _partial_response(event, again)

    return _observed(run)


def _observed(run: Handler) -> Handler:
    return logger.inject_lambda_context(clear_state=True)(metrics.log_metrics(tracer.capture_lambda_handler(run)))


def _requests(records: Sequence[Mapping[str, Any]]) -> tuple[list[Request], list[str]]:
    """Return the requests, and what is none: that is delivered again, and ends in the dead-letter queue."""
    requests, unreadable = [], []
    for record in records:
        if record["eventName"] != "INSERT":  # a request that expires is removed, and that is a record too
            continue
        try:
            requests.append(Request.parse(record))
        except (KeyError, ValueError):
            logger.exception("not a request")
            unreadable.append(record["dynamodb"]["SequenceNumber"])
    return requests, unreadable


def _count(error: TenancyError | None) -> None:
    name = "Succeeded" if error is None else "Superseded" if isinstance(error, SupersededError) else "Failed"
    metrics.add_metric(name, MetricUnit.Count, 1)


def _partial_response(event: Mapping[str, Any], again: Iterable[str]) -> dict[str, Any]:
    """Return which records of a batch Lambda is to deliver again (ReportBatchItemFailures)."""
    failures = [{"itemIdentifier": identifier} for identifier in again]
    metrics.add_metric("RecordsTogether", MetricUnit.Count, len(event["Records"]))
    metrics.add_metric("RecordsComingAgain", MetricUnit.Count, len(failures))
    return {"batchItemFailures": failures}
