"""SNS: e-mail arrives as files, and subjects are checked."""

from __future__ import annotations

import email
from email import policy
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from .case import case

if TYPE_CHECKING:
    from local_aws.tests.conformance.cloud import Cloud
    from local_aws.tests.conformance.emulator import Emulator


@pytest.fixture(scope="module")
def topic(cloud: Cloud) -> str:
    arn: str = cloud.aws("sns").create_topic(Name="failures")["TopicArn"]
    for address in ("ops@example.com", "duty@example.com"):
        cloud.aws("sns").subscribe(TopicArn=arn, Protocol="email", Endpoint=address)
    return arn


def mails(emulator: Emulator) -> list[Any]:
    files = (emulator.state / "mail" / "new").glob("*.eml")
    return [email.message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


@case(
    "an e-mail subscriber gets one message for each publication, with its subject and its whole text",
    source="SNS Developer Guide, Email notification setup",
    bridge="sns.email",
    on_aws=False,
    why_not="a person would have to confirm the subscription and read the mail",
)
def test_each_subscriber_gets_one_mail(cloud: Cloud, emulator: Emulator, topic: str) -> None:
    body = "La manzana está lista.\n\nAhora: nada.\n" + "x" * 1500
    cloud.aws("sns").publish(TopicArn=topic, Subject="[shop] apple: PackOrder failed", Message=body)
    found = cloud.until(lambda: len(seen := mails(emulator)) == 2 and seen)
    assert {mail["To"] for mail in found} == {"ops@example.com", "duty@example.com"}
    for mail in found:
        assert mail["Subject"] == "[shop] apple: PackOrder failed"
        assert mail["From"].endswith("<no-reply@sns.amazonaws.com>")
        assert mail["Date"].datetime.tzinfo is not None
        assert mail.get_content_type() == "text/plain"
        assert mail.get_content().rstrip("\n") == body


@case(
    "a subject with 100 characters, a line break or another control character, or beyond ASCII is InvalidParameter",
    source="SNS API Reference, Publish, Subject",
    bridge="sns.email",
)
@pytest.mark.parametrize("subject", ["x" * 100, "niño", "line\nbreak", "tab\t", " leading space"])
def test_a_bad_subject_is_refused(cloud: Cloud, topic: str, subject: str) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.aws("sns").publish(TopicArn=topic, Subject=subject, Message="x")
    assert refused.value.response["Error"]["Code"] == "InvalidParameter"


@case(
    "a subject of 99 characters is taken",
    source="SNS API Reference, Publish, Subject",
    bridge=None,
)
def test_a_subject_of_99_characters_is_fine(cloud: Cloud, topic: str) -> None:
    cloud.aws("sns").publish(TopicArn=topic, Subject="x" * 99, Message="x")
