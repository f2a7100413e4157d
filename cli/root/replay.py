"""Give `fluxion replay`, which shows what waits in dead-letter queues, or has it handled after all."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import display
from cli.options import StackOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.dead_letters.queues import DeadLetterQueues, Queue
    from cli.dead_letters.replaying import Outcome

_SHOWN = 20


def command(
    options: StackOptions,
    queue: Annotated[
        str | None, typer.Option(metavar="NAME", help="Work through this queue. Without it: show what is in each.")
    ] = None,
) -> None:
    """Show the dead-letter queues, or do what waits in one of them. First remove the cause: docs/runbooks says how.

    What succeeds is deleted. What fails stays as it was; the exit code is then 1.
    """
    from cli.dead_letters.queues import DeadLetterQueues
    from cli.dead_letters.replaying import Replay

    session = options.session
    queues = DeadLetterQueues(session)
    if queue is None:
        _show(queues, options.as_json)
        return
    found = queues.named(queue)
    outcomes = Replay(session, queues).work_through(found)
    _tell(found, outcomes, options.as_json)
    if any(outcome.error for outcome in outcomes):
        raise typer.Exit(1)


def _show(queues: "DeadLetterQueues", as_json: bool) -> None:
    from cli.dead_letters.describing import described

    shown = [(queue, queues.peek(queue, _SHOWN)) for queue in queues.all()]
    if as_json:
        display.document(
            [
                {
                    "queue": queue.name,
                    "waiting": queue.waiting,
                    "replay": queue.replay,
                    "messages": [{"id": each.id, "sent_at": each.sent_at, "body": each.body} for each in some],
                }
                for queue, some in shown
            ]
        )
        return
    display.table(("queue", "waiting", "a replay"), ((queue.name, queue.waiting, queue.replay) for queue, _ in shown))
    for queue, some in shown:
        if some:
            display.line(f"{queue.name} ({len(some)} of about {queue.waiting})")
            display.table(("since", "message"), ((each.sent_at, described(each)) for each in some))
            display.line(f"  When its cause is gone:  fluxion replay --queue {queue.name}")


def _tell(queue: "Queue", outcomes: "Sequence[Outcome]", as_json: bool) -> None:
    from cli.dead_letters.describing import described

    failed = sum(outcome.error is not None for outcome in outcomes)
    if as_json:
        told = [{"id": each.letter.id, "what": described(each.letter), "error": each.error} for each in outcomes]
        display.document({"queue": queue.name, "done": len(outcomes) - failed, "failed": failed, "messages": told})
        return
    for outcome in outcomes:
        display.line(f"{'✗' if outcome.error else '✓'} {described(outcome.letter)}")
        if outcome.error:
            display.line(f"    stays: {outcome.error}")
    display.line(f"{queue.name}: {len(outcomes) - failed} done ({queue.replay}), {failed} stay")
