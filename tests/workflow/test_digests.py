"""Failures at any scale: one is one mail, a thousand at once are digests, and an outage of SNS only delays them."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from control.stacks import Output
from local_aws.client import Faults
from tenancy.domain.envelope import SOURCE, Event
from tenancy.domain.events import TenantOnboardingFailed, TenantStalled, TenantUpdateFailed
from tenancy.domain.languages import ENGLISH

from .embedded import EmbeddedAws, Mail, eventually

pytestmark = pytest.mark.embedded_aws

MANY = 1000
SNS_A_SECOND = 10
OUTAGE_SECONDS = 10.0
CAUSES = [
    (TenantOnboardingFailed, "RecordBelongsToOthers", "CreateDnsRecords", "FAILED"),
    (TenantStalled, "ServiceThrottled", "AttachCname", "PENDING"),
    (TenantUpdateFailed, "AccessDenied", "InvalidateCache", "ACTIVE"),
]


def failure(number: int) -> Event:
    """One of three causes, in turn; each tenant's own message where the cause has one for each."""
    kind, code, stage, status = CAUSES[number % len(CAUSES)]
    tenant_id = f"rafaga-{number:04d}"
    message = f"the zone has records for {tenant_id}" if code == "RecordBelongsToOthers" else "no"
    fact = kind(stage=stage, attempt=1, status=status, code=code, message=message, remedy=ENGLISH.remedy(code))
    arn = f"arn:aws:states:us-east-1:000000000000:execution:fluxion-OnboardTenant:{tenant_id}-0"
    return Event.of(fact, tenant_id=tenant_id, generation=1, execution_arn=arn, occurred_at="2026-11-24T08:00:00.000Z")


def publish(embedded_aws: EmbeddedAws, events: list[Event]) -> None:
    """Put events on the bus, from where the stack's own rule takes them."""
    client, bus = embedded_aws.client("events"), embedded_aws.outputs[Output.EVENT_BUS]

    def put(some: list[Event]) -> None:
        entries = [
            {"EventBusName": bus, "Source": SOURCE, "DetailType": event.type, "Detail": event.detail} for event in some
        ]
        assert client.put_events(Entries=entries)["FailedEntryCount"] == 0

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(put, [events[start : start + 10] for start in range(0, len(events), 10)]))


def most_in_a_second(mails: list[Mail]) -> int:
    return max(sum(mail.at <= other.at < mail.at + 1 for other in mails) for mail in mails)


def test_a_thousand_failures_at_once_are_digests_that_name_everyone(embedded_aws: EmbeddedAws) -> None:
    events = [failure(number) for number in range(MANY)]
    names = {event.metadata.tenant_id for event in events}
    before = len(embedded_aws.mailbox())

    publish(embedded_aws, [*events, *events[:50]])  # at least once is what the bus promises

    def told() -> list[Mail]:
        mails = embedded_aws.mailbox()[before:]
        return mails if names <= {name for mail in mails for name in mail.tenants} else []

    mails = eventually(told, "a mail about everyone", 40)
    about = [mail for mail in mails if names & set(mail.tenants)]
    digests = [mail for mail in about if len(mail.tenants) > 1]
    assert len(about) < 20
    assert most_in_a_second(mails) <= SNS_A_SECOND
    for _, code, stage, _ in CAUSES:
        assert any(f"{code}: " in mail.text and f"in the state {stage}" in mail.text for mail in digests)
    counts = Counter(name for mail in about for name in mail.tenants if name in names)
    assert max(counts.values()) <= 2, "twice where the event came twice, and in two batches"
    assert sum(counts.values()) <= MANY + 50


def nothing_waits(embedded_aws: EmbeddedAws) -> bool:
    """Whether every failure so far is mailed."""
    sqs = embedded_aws.client("sqs")
    url = next(url for url in sqs.list_queues()["QueueUrls"] if "FailureEventsQueue" in url)
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return counts["ApproximateNumberOfMessages"] == counts["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_one_failure_alone_is_mailed_within_half_a_minute(embedded_aws: EmbeddedAws) -> None:
    eventually(lambda: nothing_waits(embedded_aws), "the mails about everything before")
    began = time.time()

    embedded_aws.insert("Sola")
    embedded_aws.mail("Sola")

    (mail,) = [mail for mail in embedded_aws.mailbox() if "Sola" in mail.tenants]
    assert mail.subject == "[fluxion] Sola: ClaimTenant failed"
    assert mail.at - began < 30


def test_while_sns_is_down_failures_wait_and_the_first_error_is_the_one_that_is_told(
    embedded_aws: EmbeddedAws, faults: Faults
) -> None:
    tenants = ["Espera-1", "Espera-2", "Espera-3"]
    with faults.rule("sns", "Publish", error={"code": "InternalError", "status": 500}) as rule:
        for tenant in tenants:
            embedded_aws.insert(tenant)
        errors = [embedded_aws.settled(tenant)["last_error"] for tenant in tenants]
        eventually(lambda: rule.hits, "a mail that SNS does not take", 30)
        time.sleep(OUTAGE_SECONDS)
        assert [embedded_aws.mails(tenant) for tenant in tenants] == [[], [], []]

    for tenant, error in zip(tenants, errors, strict=True):
        assert error["code"] == "InvalidTenantItem"
        assert "InvalidTenantItem" in embedded_aws.mail(tenant)
        assert embedded_aws.record(tenant)["last_error"] == error
        assert len(embedded_aws.mails(tenant)) == 1
    log = embedded_aws.client("logs").filter_log_events(
        logGroupName="/aws/lambda/fluxion-failure-notifier", filterPattern='"messages come again"'
    )["events"]
    assert any("InternalError" in json.loads(line["message"])["message"] for line in log)
