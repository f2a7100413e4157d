"""The failure e-mail, alone and as a digest, as a person gets it."""

import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenancy.domain import errors, failure_mail
from tenancy.domain.failure_mail import Links, Mail, Report
from tenancy.domain.languages import ENGLISH, SPANISH

DETAIL: dict[str, Any] = {
    "metadata": {
        "id": "6d3c6c8e-6f0f-5c3b-9c4f-2a9f6a0f4c11",
        "tenant_id": "granja",
        "execution_arn": "arn:aws:states:us-east-1:123456789012:execution:fluxion-OnboardTenant:granja-00",
    },
    "data": {
        "stage": "CreateDnsRecords",
        "status": "FAILED",
        "name": "La Granja Mercado",
        "code": "RecordBelongsToOthers",
        "message": "the zone already has records for granja.fluxionia.co",
        "remedy": "Delete or rename the record.",
    },
}
LINKS = Links("us-east-1", "https://docs.example/runbooks/")
SNS_LIMIT = 256 * 1024


def report(event_type: str = "TenantOnboardingFailed", **data: object) -> Report:
    return Report.parse(event_type, DETAIL | {"data": DETAIL["data"] | data})


def mail(event_type: str = "TenantOnboardingFailed", **data: object) -> Mail:
    (only,) = failure_mail.mails([report(event_type, **data)], LINKS)
    return only


def reports(count: int, code: str = "ServiceThrottled", **fields: Any) -> list[Report]:
    one = replace(report(), **{"code": code, "message": "Rate exceeded", **fields})
    return [replace(one, id=f"{code}-{n}", tenant_id=f"{code.lower()}-{n:04d}") for n in range(count)]


# --- one failure ------------------------------------------------------------------------------------------------------


def test_the_subject_says_which_tenant_and_which_stage() -> None:
    assert mail().subject == "[fluxion] granja: CreateDnsRecords failed"


def test_the_body_says_what_happened_what_visitors_get_what_to_do_and_where_to_look() -> None:
    body = mail().body

    assert "The onboarding of La Granja Mercado (granja) has failed in the state CreateDnsRecords." in body
    assert "RecordBelongsToOthers: the zone already has records for granja.fluxionia.co" in body
    assert "visitors get 404" in body
    assert "Delete or rename the record." in body
    assert "fluxion tenants retry granja" in body
    assert "https://us-east-1.console.aws.amazon.com/states/home" in body
    assert "https://docs.example/runbooks/recordbelongstoothers.md" in body


def test_the_body_says_it_in_spanish_too() -> None:
    body = mail().body

    assert "El alta de La Granja Mercado (granja) ha fallado en el estado CreateDnsRecords." in body
    assert SPANISH.remedies["RecordBelongsToOthers"] in body


@pytest.mark.parametrize("code", [*SPANISH.causes, "States.Timeout"])
def test_what_the_spanish_half_says_of_an_error_is_spanish(code: str) -> None:
    undo = f"DetachCname: {code}: the very words"
    english, spanish = mail(code=code, message="the very words", undo_errors=[undo]).body.split("— Español —")

    assert english.count("the very words") == 2
    assert "the very words" not in spanish
    assert f"\n{code}: {SPANISH.message(code, '')}\n" in spanish
    assert f"\nAl deshacer: DetachCname: {code}: {SPANISH.message(code, '')}\n" in spanish
    assert SPANISH.remedy(code) in spanish


def test_a_failed_change_of_a_live_tenant_says_that_the_site_is_as_before() -> None:
    body = mail("TenantUpdateFailed", status="ACTIVE").body

    assert "The site is live, exactly as before this change." in body
    assert "El sitio sigue en línea" in body


def test_a_stall_says_that_nothing_is_lost() -> None:
    stalled = mail("TenantStalled", status="PENDING", code="SiteNotReady")

    assert stalled.subject.endswith("stalled")
    assert "is kept, and the next run continues from there" in stalled.body


def test_a_roll_back_that_is_not_complete_says_what_is_left_and_never_hides_the_first_error() -> None:
    body = mail(
        status="ROLLBACK_INCOMPLETE",
        remaining=["dns_records", "cdn_aliases"],
        undo_errors=["DeleteDnsRecords: ServiceUnavailable: Route 53 did not answer"],
    ).body

    assert "RecordBelongsToOthers: the zone already has records" in body
    assert "While undoing: DeleteDnsRecords: ServiceUnavailable: Route 53 did not answer" in body
    assert "Still there: dns_records, cdn_aliases." in body
    assert "Queda por deshacer: dns_records, cdn_aliases." in body


def test_a_bad_item_needs_no_retry_because_the_corrected_one_starts_by_itself() -> None:
    body = mail(code="InvalidTenantItem").body

    assert "fluxion tenants show granja" in body
    assert "retry" not in body


@given(st.text(min_size=1, max_size=200), st.sampled_from(["TenantOnboardingFailed", "TenantStalled"]))
def test_sns_accepts_every_subject(tenant_id: str, event_type: str) -> None:
    subject = failure_mail.subject(tenant_id, "CreateDnsRecords", event_type)

    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100


@pytest.mark.parametrize("tenant_id", ["; rm -rf /", "$(reboot)", "a b", "'"])
def test_a_pasted_command_runs_nothing_that_a_name_smuggles_in(tenant_id: str) -> None:
    body = failure_mail.single(replace(report(), tenant_id=tenant_id), LINKS).body
    command = next(line for line in body.splitlines() if "tenants retry" in line)

    assert command.split("retry ", 1)[1].startswith("'")


def test_an_event_that_is_no_failure_is_none() -> None:
    with pytest.raises(KeyError):
        Report.parse("TenantActivated", DETAIL)


# --- many failures ----------------------------------------------------------------------------------------------------


def test_a_few_failures_are_mailed_one_by_one_and_one_more_as_a_digest() -> None:
    few, many = reports(failure_mail.FEW), reports(failure_mail.FEW + 1)

    assert [sent.of for sent in failure_mail.mails(few, LINKS)] == [(each.id,) for each in few]
    assert [set(sent.of) for sent in failure_mail.mails(many, LINKS)] == [{each.id for each in many}]


def test_an_event_that_comes_twice_is_told_once() -> None:
    assert len(failure_mail.mails([report(), report()], LINKS)) == 1
    (digest,) = failure_mail.mails(reports(20) * 2, LINKS)
    assert len(digest.of) == 20
    assert digest.subject.startswith("[fluxion] 20 failures")


def test_a_digest_says_of_each_cause_how_many_where_and_what_to_do() -> None:
    mixed = [
        *reports(12, "RecordBelongsToOthers"),
        *reports(30, stage="AttachCname", status="ACTIVE"),
        *reports(40, "InvalidTenantItem", stage="ClaimTenant", remedy="Correct the item."),
    ]
    (digest,) = failure_mail.mails(mixed, LINKS)

    assert digest.subject == (
        "[fluxion] 82 failures: 40 InvalidTenantItem, 30 ServiceThrottled, 12 RecordBelongsToOthers"
    )
    english, in_spanish, listed = re.split("— (?:Español|Tenants / Inquilinos) —", digest.body)
    assert "ServiceThrottled: 30 in the state AttachCname\nVisitors (30): The site is live" in english
    assert "ServiceThrottled: 30 en el estado AttachCname\nVisitantes (30): El sitio sigue en línea" in in_spanish
    assert "Delete or rename the record." in english
    assert SPANISH.remedies["RecordBelongsToOthers"] in in_spanish
    for text in (english, in_spanish):
        assert "fluxion tenants retry --cause RecordBelongsToOthers" in text
        assert "fluxion tenants list --cause InvalidTenantItem" in text
        assert "retry --cause InvalidTenantItem" not in text
        assert "https://docs.example/runbooks/servicethrottled.md" in text
        assert "stateMachine:fluxion-OnboardTenant" in text
    assert names(listed) == Counter(each.tenant_id for each in mixed)


def names(text: str) -> Counter[str]:
    return Counter(re.findall(r"[a-z]+-\d{4}", text))


def test_tenants_with_the_same_message_stand_together_and_others_with_their_own() -> None:
    mixed = [*reports(20), *(replace(each, message=f"about {each.tenant_id}") for each in reports(3, "ZoneBusy"))]
    (digest,) = failure_mail.mails(mixed, LINKS)

    assert digest.body.count("Rate exceeded") == 1
    assert "    zonebusy-0001: about zonebusy-0001\n" in digest.body


def test_a_digest_names_what_a_roll_back_has_left() -> None:
    left = reports(11, status="ROLLBACK_INCOMPLETE", remaining=("dns_records",))
    (digest,) = failure_mail.mails(left, LINKS)

    assert "Rate exceeded [ROLLBACK_INCOMPLETE: dns_records]" in digest.body


@given(
    st.lists(
        st.builds(
            Report,
            id=st.uuids().map(str),
            type=st.sampled_from(sorted(ENGLISH.what)),
            tenant_id=st.text(min_size=1, max_size=300),
            execution_arn=st.just(DETAIL["metadata"]["execution_arn"]),
            stage=st.sampled_from(["ClaimTenant", "AttachCname"]),
            status=st.sampled_from([*ENGLISH.status, "OFFBOARDING"]),
            code=st.sampled_from([*errors.leaves(), "States.Timeout", "ñ" * 200]),
            message=st.text(max_size=2000),
            remedy=st.just("Do it."),
            remaining=st.lists(st.sampled_from(["dns_records", "cdn_aliases"]), max_size=2),
        ),
        max_size=60,
    )
)
def test_whatever_fails_is_told_once_in_mails_that_sns_takes(some: list[Report]) -> None:
    sent = failure_mail.mails(some, LINKS)

    assert Counter(id_ for each in sent for id_ in each.of) == Counter({each.id for each in some})
    for each in sent:
        assert each.subject.isascii()
        assert each.subject.isprintable()
        assert len(each.subject) < 100
        assert len(each.body.encode()) < SNS_LIMIT


def test_the_longest_failures_of_a_whole_batch_are_few_mails_that_no_program_cuts_off() -> None:
    longest = [
        replace(each, tenant_id=f"{n:04d}{'x' * 2000}", message=f"{n} " + "ñ" * 2000)
        for n, each in enumerate(reports(1000))
    ]
    sent = failure_mail.mails(longest, LINKS)

    assert all(len(each.body.encode()) <= failure_mail.LONGEST_DIGEST for each in sent)
    assert len(sent) <= 8
    assert sum(len(each.of) for each in sent) == 1000
