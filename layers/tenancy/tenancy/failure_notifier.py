"""Failure events become e-mails that a person understands, no faster than SNS sends them."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aws_lambda_powertools import Logger

from tenancy.domain import failure_mail
from tenancy.domain.errors import TenancyError, TransientError
from tenancy.domain.failure_mail import Links, Mail, Report
from tenancy.platform import aws
from tenancy.platform.settings import NotifierSettings

# SNS suspends a subscription that gets more than ten e-mails a second (SNS Developer Guide, Email notifications). Two
# invocations run at once (MaximumConcurrency), and each waits so long after every mail: 2 / 0.25 s = 8 a second.
# The rest is for alarms, which are mailed through the same topic.
PAUSE_SECONDS = 0.25

# When SNS does not take a mail, its failures come again after so long, and then twice as long, up to five minutes.
FIRST_POSTPONED_SECONDS, LONGEST_POSTPONED_SECONDS = 5, 300
_A_CALL = 10  # ChangeMessageVisibilityBatch, API reference

logger = Logger(child=True)

type Message = Mapping[str, Any]
"""A message of a queue as Lambda hands it over."""


class FailureNotifier:
    """Mails failures to the operators' topic: a few one by one, many as digests."""

    def __init__(self, settings: NotifierSettings) -> None:
        self._settings = settings
        self._sns = aws.client("sns", impatient=True)
        self._links = Links(settings.aws_region, settings.runbooks_url)

    def notify(self, batch: Sequence[Message], until: float) -> dict[str, Exception]:
        """Mail the failures of these messages, whose bodies are EventBridge events.

        until: when no further mail may begin, by ``time.monotonic()``.
        Returns the messages that must come again, by their ids, with what kept them from being mailed.
        """
        again: dict[str, Exception] = {}
        reports: dict[str, Report] = {}
        telling: dict[str, list[Message]] = {}  # an event may come in more than one message
        for message in batch:
            try:
                report = _read(message)
            except (KeyError, TypeError, ValueError) as error:
                again[message["messageId"]] = error
            else:
                reports[report.id] = report
                telling.setdefault(report.id, []).append(message)
        for mail, why in self._send(failure_mail.mails(reports.values(), self._links), until):
            again |= {message["messageId"]: why for id_ in mail.of for message in telling[id_]}
        self._postpone([message for message in batch if message["messageId"] in again])
        return again

    def _send(self, mails: Sequence[Mail], until: float) -> list[tuple[Mail, Exception]]:
        """Return mails that were not sent. SNS may refuse one and take the next; an outage holds up all that follow."""
        unsent: list[tuple[Mail, Exception]] = []
        outage: Exception | None = None
        for mail in mails:
            if outage is None and time.monotonic() > until:
                outage = TimeoutError("the time was over before the mail's turn came")
            try:
                if outage is None:
                    self._publish(mail)
                    time.sleep(PAUSE_SECONDS)
            except TransientError as error:
                outage = error
            except TenancyError as error:
                unsent.append((mail, error))
            if outage:
                unsent.append((mail, outage))
        return unsent

    def _publish(self, mail: Mail) -> None:
        with aws.calls("SNS"):
            self._sns.publish(TopicArn=self._settings.failure_topic_arn, Subject=mail.subject, Message=mail.body)

    def _postpone(self, batch: Sequence[Message]) -> None:
        """Let messages come again soon, where the queue by itself waits for as long as a lost invocation may take."""
        for start in range(0, len(batch), _A_CALL):
            entries = [
                {
                    "Id": str(number),
                    "ReceiptHandle": message["receiptHandle"],
                    "VisibilityTimeout": postponed(int(message["attributes"]["ApproximateReceiveCount"])),
                }
                for number, message in enumerate(batch[start : start + _A_CALL])
            ]
            try:
                with aws.calls("SQS"):
                    aws.client("sqs").change_message_visibility_batch(
                        QueueUrl=self._settings.failure_queue_url, Entries=entries
                    )
            except TenancyError as error:
                # What kept them from being mailed is told first; this only makes them come later.
                logger.warning("not postponed, and so comes again when the queue says: %s", error)
                return


def postponed(tries: int) -> int:
    """Return seconds until a message comes again. tries: how often it has come."""
    return int(min(LONGEST_POSTPONED_SECONDS, FIRST_POSTPONED_SECONDS * 2.0 ** (tries - 1)))


def _read(message: Message) -> Report:
    """Read a message. Raises KeyError, TypeError or ValueError for what is no failure event."""
    event = json.loads(message["body"])
    return Report.parse(event["detail-type"], event["detail"])
