"""The product's own alarms go off and are mailed; its executions are logged and its functions counted."""

import email
import email.policy
import json
from pathlib import Path
from typing import Any

import pytest

from .embedded import EmbeddedAws, eventually

pytestmark = pytest.mark.embedded_aws


def state(embedded_aws: EmbeddedAws, alarm: str) -> str:
    found: list[Any] = embedded_aws.client("cloudwatch").describe_alarms(AlarmNames=[alarm])["MetricAlarms"]
    return str(found[0]["StateValue"])


def mailed(embedded_aws: EmbeddedAws, alarm: str) -> bool:
    """Whether a mail says that the alarm went off."""
    mails = Path(embedded_aws.environment["FLUXION_MAIL_DIR"]).rglob("*.eml")
    subjects = [
        str(email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)["Subject"]) for mail in mails
    ]
    return any(subject.startswith("ALARM") and alarm in subject for subject in subjects)


def test_a_message_in_the_poison_queue_sets_the_alarm_off(embedded_aws: EmbeddedAws) -> None:
    alarm = "fluxion-PoisonRecords"
    eventually(lambda: state(embedded_aws, alarm) == "OK", "no alarm before")
    sqs = embedded_aws.client("sqs")
    url = next(url for url in sqs.list_queues()["QueueUrls"] if "PoisonQueue" in url)
    sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"why": "a test"}))
    try:
        eventually(lambda: state(embedded_aws, alarm) == "ALARM", "the alarm goes off")
        eventually(lambda: mailed(embedded_aws, alarm), "the alarm is mailed")
    finally:
        sqs.purge_queue(QueueUrl=url)


def test_executions_are_logged_without_their_data_and_metrics_are_extracted(embedded_aws: EmbeddedAws) -> None:
    embedded_aws.onboard("vigilada", name="La Vigilada")
    arn = embedded_aws.executions("vigilada")[0]["executionArn"]

    def logged() -> list[dict[str, Any]]:
        found = embedded_aws.client("logs").filter_log_events(
            logGroupName="/aws/vendedlogs/states/fluxion-OnboardTenant", filterPattern='"ExecutionSucceeded"'
        )["events"]
        return [line for line in (json.loads(event["message"]) for event in found) if line["execution_arn"] == arn]

    (line,) = eventually(logged, "the end of the execution in its log")
    assert "output" not in line["details"]
    assert embedded_aws.client("cloudwatch").list_metrics(Namespace="Fluxion")["Metrics"]
