"""The notifier: as fast as SNS allows, and what SNS does not take comes again."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from tenancy import failure_notifier
from tenancy.failure_notifier import FailureNotifier, Message
from tenancy.platform import aws
from tenancy.platform.settings import NotifierSettings

from .test_messages import DETAIL

SETTINGS = NotifierSettings(failure_queue_url="https://queue", failure_topic_arn="arn:topic", aws_region="us-east-1")
LATE = float("inf")


class Services:
    """An SNS and an SQS that only listen, and a clock that only pauses move."""

    def __init__(self) -> None:
        self.now = 100.0
        self.sent: list[tuple[float, dict[str, Any]]] = []
        self.postponed: dict[str, int] = {}
        self.refuses: list[tuple[str, Exception]] = []
        self.tries = 0

    def client(self, name: str, **_: object) -> "Services":
        return self

    def publish(self, **mail: Any) -> None:
        self.tries += 1
        for part, error in self.refuses:
            if part in mail["Subject"]:
                raise error
        self.sent.append((self.now, mail))

    def change_message_visibility_batch(self, QueueUrl: str, Entries: list[dict[str, Any]]) -> None:  # noqa: N803
        assert QueueUrl == SETTINGS.failure_queue_url
        assert len(Entries) <= 10
        assert len({entry["Id"] for entry in Entries}) == len(Entries)
        self.postponed |= {entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in Entries}

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    services = Services()
    monkeypatch.setattr(aws, "client", services.client)
    monkeypatch.setattr(time, "sleep", services.sleep)
    monkeypatch.setattr(time, "monotonic", lambda: services.now)
    yield services
    monkeypatch.undo()


def refused(code: str, status: int) -> ClientError:
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Publish")  # type: ignore[arg-type]


def failed(number: int, *, times: int = 1, code: str = "ServiceThrottled", event: int | None = None) -> Message:
    """The message number n, of an event of that number if it is not said which."""
    id_ = number if event is None else event
    metadata = DETAIL["metadata"] | {"id": f"event-{id_}", "tenant_id": f"tenant-{id_:04d}"}
    detail = {"metadata": metadata, "data": DETAIL["data"] | {"code": code}}
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"handle-{number}",
        "attributes": {"ApproximateReceiveCount": str(times)},
        "body": json.dumps({"detail-type": "TenantOnboardingFailed", "detail": detail}),
    }


def notify(*batch: Message, until: float = LATE) -> dict[str, Exception]:
    return FailureNotifier(SETTINGS).notify(batch, until)


def test_two_notifiers_at_once_stay_below_what_sns_allows(services: Services) -> None:
    assert notify(*map(failed, range(10))) == {}
    after = services.now

    moments = [at for at, _ in services.sent]
    assert len(moments) == 10
    for start in moments:
        assert 2 * sum(start <= at < start + 1 for at in moments) < 10
    # The next batch may begin at once, so the pause is kept after the last mail too.
    assert after - moments[-1] == failure_notifier.PAUSE_SECONDS


def test_a_thousand_are_told_at_once_and_none_comes_again(services: Services) -> None:
    assert notify(*map(failed, range(1000))) == {}

    bodies = "".join(mail["Message"] for _, mail in services.sent)
    assert all(f"tenant-{n:04d}" in bodies for n in range(1000))
    assert len(services.sent) == 1


def test_an_outage_sends_everything_back_after_one_try_and_each_comes_again_later_and_later(services: Services) -> None:
    services.refuses = [("", EndpointConnectionError(endpoint_url="https://sns"))]

    again = notify(*(failed(n, times=n + 1) for n in range(10)))

    assert services.tries == 1
    assert set(again) == {f"message-{n}" for n in range(10)}
    assert [services.postponed[f"handle-{n}"] for n in range(10)] == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_only_what_was_not_sent_comes_again(services: Services) -> None:
    services.refuses = [("tenant-0003", refused("InternalError", 500))]

    again = notify(*map(failed, range(6)))

    assert set(again) == {"message-3", "message-4", "message-5"}
    assert set(services.postponed) == {"handle-3", "handle-4", "handle-5"}
    assert len(services.sent) == 3


def test_a_mail_that_sns_refuses_for_itself_holds_up_no_other(services: Services) -> None:
    services.refuses = [("tenant-0001", refused("InvalidParameter", 400))]

    again = notify(*map(failed, range(4)))

    assert set(again) == {"message-1"}
    assert "InvalidParameter" in str(again["message-1"])
    assert len(services.sent) == 3


@pytest.mark.parametrize("body", ["", "[]", "{}", '"x"', '{"detail-type": "TenantActivated", "detail": {}}'])
def test_what_is_no_failure_event_stays_and_holds_up_no_other(services: Services, body: str) -> None:
    again = notify({**failed(0), "body": body}, failed(1))

    assert set(again) == {"message-0"}
    assert len(services.sent) == 1


def test_an_event_that_came_in_two_messages_is_told_once_and_both_are_done_or_come_again(services: Services) -> None:
    assert notify(failed(0), failed(1, event=0)) == {}
    assert len(services.sent) == 1

    services.refuses = [("", refused("Throttling", 400))]
    assert set(notify(failed(0), failed(1, event=0))) == {"message-0", "message-1"}


def test_what_does_not_begin_in_time_comes_again(services: Services) -> None:
    again = notify(*map(failed, range(10)), until=services.now + 0.6)

    assert len(services.sent) == 3
    assert set(again) == {f"message-{n}" for n in range(3, 10)}


def test_a_message_that_cannot_be_postponed_hides_no_failure(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(**_: object) -> None:
        raise refused("AccessDenied", 403)

    services.refuses = [("", refused("InternalError", 500))]
    monkeypatch.setattr(services, "change_message_visibility_batch", refuses)

    assert "InternalError" in str(notify(failed(0))["message-0"])
