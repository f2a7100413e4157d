"""E-mail subscriptions: each e-mail is a file; what a subject may be.

AWS writes to each confirmed subscriber, and refuses a Subject that is not ASCII, has control characters or 100 or more
characters. Stock MiniStack logs a line and takes any subject. Here every e-mail is a file in a maildir.

Source: docs.aws.amazon.com/sns/latest/api/API_Publish.html.

Upstream: in part: what a subject may be; the maildir is ours.
"""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from pathlib import Path
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import sns

from local_aws import patching
from local_aws.quotas import TOPIC_SUBJECT
from local_aws.settings import Settings

_SUBJECT = re.compile(TOPIC_SUBJECT)


def deliver(maildir: Path, topic_arn: str, address: str, subject: str, text: str) -> Path:
    """Write one RFC 5322 message into `maildir/new`, complete when it appears; return its path."""
    mail = EmailMessage()
    mail["From"] = "AWS Notifications <no-reply@sns.amazonaws.com>"
    mail["To"] = address
    mail["Subject"] = subject or "AWS Notification Message"
    mail["Date"] = format_datetime(localtime())
    mail["Message-ID"] = f"<{new_uuid()}@sns.amazonaws.com>"
    mail["X-Amz-Sns-Topic-Arn"] = topic_arn
    mail.set_content(text)
    name = f"{new_uuid()}.eml"
    (maildir / "tmp" / name).write_bytes(mail.as_bytes())
    return (maildir / "tmp" / name).rename(maildir / "new" / name)


def install(settings: Settings) -> None:
    maildir = settings.state_dir / "mail"
    for folder in ("tmp", "new", "cur"):
        (maildir / folder).mkdir(parents=True, exist_ok=True)

    sns._bridge_mail = lambda *message: deliver(maildir, *message)
    patching.edit(
        sns,
        "_fanout",
        (
            'logger.info("SNS fanout → email %s (stub)", endpoint)',
            "_bridge_mail(topic_arn, endpoint, subject, effective_message if protocol == 'email' else envelope)",
        ),
    )

    def bridged(original: Any) -> Any:
        def publish(params: dict[str, Any]) -> Any:
            subject = sns._p(params, "Subject")
            if subject and not _SUBJECT.fullmatch(subject):
                return sns._error("InvalidParameter", "Invalid parameter: Subject", 400)
            return original(params)

        return publish

    patching.replace(sns, "_publish", bridged, 'subject = _p(params, "Subject")')
