"""With `--quotas`: state transitions, invocations at once and e-mails that wait or are refused.

AWS: an account's executions wait when they make more than so many state transitions a second; an invocation beyond the
account's concurrency is TooManyRequestsException, and event source mappings try again; SNS sends a subscriber at most
ten e-mails a second.
Stock MiniStack: transitions and e-mails as fast as the machine is; as many invocations at once as its memory allows.

Source: docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html, …/lambda/latest/dg/gettingstarted-limits.html,
…/sns/latest/dg/sns-email-notifications.html. Different: SNS suspends a subscription that gets more than ten messages a
second, here they are late; a call that waits for one of the few local processes of its function is not concurrent yet.

Upstream: no: MiniStack has no model of quotas.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from queue import SimpleQueue
from typing import Any

from ministack.services import lambda_svc, sns, stepfunctions

from local_aws import patching
from local_aws.gateway.bucket import Bucket
from local_aws.quotas import Quotas, is_transition
from local_aws.settings import Settings


class Turns:
    """A token bucket that makes wait instead of refusing, for any thread."""

    def __init__(self, burst: float, rate: float) -> None:
        self._bucket, self._lock = Bucket(burst, rate), threading.Lock()

    def wait(self) -> None:
        """Wait for this caller's turn; first come, first served."""
        with self._lock:
            seconds = self._bucket.owe()
        if seconds:
            time.sleep(seconds)


def _paced(quotas: Quotas) -> Any:
    """Wait before a state or an attempt until the account's transitions allow it; the history shows it."""
    transitions = Turns(quotas.transition_burst, quotas.transitions_per_second)

    def bridged(original: Any) -> Any:
        def add_event(execution: dict[str, Any], event_type: str, details: Any = None) -> Any:
            if is_transition(event_type):
                transitions.wait()
            return original(execution, event_type, details)

        return add_event

    return bridged


def _throttled(original: Any) -> Any:
    def throttle_response(reason_code: str, msg: str, retry_after: int = 1) -> Any:
        return original(reason_code, "Rate Exceeded.", retry_after)

    return throttle_response


def _spaced(quotas: Quotas) -> Any:
    """Let each subscriber's e-mails wait in a queue of their own."""

    def bridged(original: Any) -> Any:
        def start() -> SimpleQueue[Any]:
            waiting: SimpleQueue[Any] = SimpleQueue()
            turns = Turns(1, quotas.emails_per_second)

            def deliver() -> None:
                while True:
                    mail = waiting.get()
                    turns.wait()
                    original(*mail)

            threading.Thread(target=deliver, daemon=True, name="e-mails").start()
            return waiting

        queues: defaultdict[str, SimpleQueue[Any]] = defaultdict(start)
        lock = threading.Lock()

        def enqueue(topic_arn: str, address: str, subject: str, text: str) -> None:
            with lock:
                queues[address].put((topic_arn, address, subject, text))

        return enqueue

    return bridged


def install(settings: Settings) -> None:
    quotas = settings.quotas
    if quotas is None:
        return
    patching.replace(stepfunctions, "_add_event", _paced(quotas))
    patching.replace(lambda_svc, "_ACCOUNT_CONCURRENCY_CAP", lambda _: int(quotas.concurrent_executions))
    patching.replace(lambda_svc, "_throttle_response", _throttled, '"Reason": reason_code')
    patching.replace(sns, "_bridge_mail", _spaced(quotas))
