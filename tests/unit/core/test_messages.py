"""The failure e-mail, as a person gets it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenancy import messages

DETAIL: dict[str, Any] = {
    "metadata": {
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


def mail(event_type: str = "TenantOnboardingFailed", **data: object) -> messages.Mail:
    detail = DETAIL | {"data": DETAIL["data"] | data}
    return messages.failure_mail(event_type, detail, region="us-east-1", runbooks_url="https://docs.example/runbooks/")


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
    assert messages.REMEDY_ES["RecordBelongsToOthers"] in body


def test_a_failed_change_of_a_live_tenant_says_that_the_site_is_as_before() -> None:
    body = mail("TenantUpdateFailed", status="ACTIVE").body

    assert "The site is live, exactly as before this change." in body
    assert "El sitio sigue en línea" in body


def test_a_stall_says_that_nothing_is_lost() -> None:
    stalled = mail("TenantStalled", status="PENDING", code="SiteNotReady")

    assert stalled.subject.endswith("stalled")
    assert "is kept, and the next run continues from there" in stalled.body


def test_a_bad_item_needs_no_retry_because_the_corrected_one_starts_by_itself() -> None:
    body = mail(code="InvalidTenantItem").body

    assert "fluxion tenants show granja" in body
    assert "retry" not in body


@given(st.text(min_size=1, max_size=200), st.sampled_from(["TenantOnboardingFailed", "TenantStalled"]))
def test_sns_accepts_every_subject(tenant_id: str, event_type: str) -> None:
    subject = messages.subject(tenant_id, "CreateDnsRecords", event_type)

    assert subject.isascii()
    assert subject.isprintable()
    assert len(subject) < 100


@pytest.mark.parametrize("tenant_id", ["; rm -rf /", "$(reboot)", "a b", "'"])
def test_a_pasted_command_runs_nothing_that_a_name_smuggles_in(tenant_id: str) -> None:
    detail = DETAIL | {"metadata": DETAIL["metadata"] | {"tenant_id": tenant_id}}

    body = messages.failure_mail("TenantOnboardingFailed", detail, region="r", runbooks_url="").body
    command = next(line for line in body.splitlines() if "tenants retry" in line)

    assert command.split("retry ", 1)[1].startswith("'")
