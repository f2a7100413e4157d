"""Have what nobody could handle handled after all.

Four kinds of messages wait in the stack's dead-letter queues. A queue that is worked off has a queue behind it: what
waits there goes back. A record that ``start_workflow`` set aside is whole: it is handed over again. What Lambda wrote
when it gave up on a stream is only a position: the records are read from the stream, which keeps them for 24 hours.
An event that was to call a function, or the call that failed, is made again.

A message is deleted once its replay has succeeded. Until then it stays as it came.
"""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from cli.dead_letters.describing import why
from cli.dead_letters.functions import Functions, NotReplayed, name_of
from cli.dead_letters.queues import DeadLetterQueues, Letter, Queue
from cli.session import Session

SETS_ASIDE = "fluxion-start-workflow"
"""The function that keeps records that it cannot handle, whole, in a queue."""

_MOST_AT_A_TIME = 1000


@dataclass(frozen=True)
class Outcome:
    """Say what became of a message; ``error``: why it stays, or None."""

    letter: Letter
    error: str | None


class Replay:
    """Replay what waits in dead-letter queues."""

    def __init__(self, session: Session, queues: DeadLetterQueues) -> None:
        self._queues = queues
        self._functions = Functions(session)

    def work_through(self, queue: Queue) -> list[Outcome]:
        """Replay what waits now, at most 1,000 messages. What succeeds is deleted, the rest stays as it was."""
        outcomes = [self._tried_and_removed(queue, letter) for letter in self._queues.take(queue, _MOST_AT_A_TIME)]
        again = self._set_aside_again(queue, {outcome.letter.record for outcome in outcomes} - {None})
        outcomes = [Outcome(each.letter, each.error or again.get(each.letter.record)) for each in outcomes]
        for outcome in outcomes:
            if outcome.letter.record and outcome.error is None:
                self._queues.remove(queue, outcome.letter)
        self._queues.put_back(queue, [outcome.letter for outcome in outcomes if outcome.error])
        return outcomes

    def _tried_and_removed(self, queue: Queue, letter: Letter) -> Outcome:
        """Try a message and delete it on success, but for a record: it may be set aside again, which is known later."""
        outcome = Outcome(letter, self._tried(queue, letter))
        if outcome.error is None and letter.record is None:
            self._queues.remove(queue, letter)
        return outcome

    def _tried(self, queue: Queue, letter: Letter) -> str | None:
        try:
            self._replay(queue, letter)
        except NotReplayed as error:
            return str(error)
        except ClientError as error:
            answer = error.response["Error"]
            return f"AWS answered {answer['Code']} to {error.operation_name}: {answer['Message']}"
        except BotoCoreError as error:
            return f"AWS could not be asked: {error}"
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            return f"it is not what this command knows ({type(error).__name__}: {error}); read it with --json"
        return None

    def _replay(self, queue: Queue, letter: Letter) -> None:
        content = letter.content
        if queue.source:
            self._queues.send_on(queue.source[1], letter)
        elif "DDBStreamBatchInfo" in content:
            function = name_of(content["requestContext"]["functionArn"])
            self._functions.invoke(function, self._functions.given_up(function, content["DDBStreamBatchInfo"]))
        elif letter.record:
            self._functions.invoke(SETS_ASIDE, [content["record"]])
        elif "requestPayload" in content:
            self._functions.call(name_of(content["requestContext"]["functionArn"]), content["requestPayload"])
        elif letter.target.startswith("arn:aws:lambda:"):
            self._functions.call(name_of(letter.target), content)
        else:
            raise NotReplayed("nothing says which function it is for; read it with --json")

    def _set_aside_again(self, queue: Queue, records: set[str | None]) -> dict[str | None, str]:
        """Return why records came back: the function that gets them does not fail, it sets them aside as a new message.

        The message that was there before is the one that stays.
        """
        if not records:
            return {}
        newcomers = self._queues.take(queue, _MOST_AT_A_TIME)
        again = [letter for letter in newcomers if letter.record in records]
        for letter in again:
            self._queues.remove(queue, letter)
        self._queues.put_back(queue, [letter for letter in newcomers if letter.record not in records])
        return {letter.record: f"set aside again: {why(letter.content)}" for letter in again}
