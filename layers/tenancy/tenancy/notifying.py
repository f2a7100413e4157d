"""From a failure event to an e-mail that a person understands."""

import json
from typing import Any

from tenancy import aws
from tenancy.messages import failure_mail
from tenancy.settings import NotifierSettings


class FailureNotifier:
    """Mails failures to the operators' topic."""

    def __init__(self, settings: NotifierSettings) -> None:
        self._settings = settings

    def notify(self, message: str) -> None:
        """Mail one failure. ``message``: body of the queue's message, an EventBridge event as JSON."""
        event: dict[str, Any] = json.loads(message)
        settings = self._settings
        mail = failure_mail(
            event["detail-type"], event["detail"], region=settings.aws_region, runbooks_url=settings.runbooks_url
        )
        with aws.calls("SNS"):
            aws.client("sns").publish(TopicArn=settings.failure_topic_arn, Subject=mail.subject, Message=mail.body)
