"""What fails for good leaves nothing, and says so once; and nothing of anybody else is touched."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from local_aws.client import Faults

from .embedded import EmbeddedAws, eventually
from .mishaps import (
    DENIED,
    FORWARD,
    UNDOING,
    Strangers,
    claim_of,
    effect_of,
    failures,
    in_order,
    is_live,
    left_over,
    reconcile,
    result_of,
    role_of,
)

pytestmark = pytest.mark.embedded_aws


@pytest.fixture(scope="module", autouse=True)
def strangers(embedded_aws: EmbeddedAws) -> dict[str, Any]:
    """Somebody else's things, and how they looked before anything was tried here."""
    strangers = Strangers(embedded_aws)
    strangers.put_record("ajena-zona", "A", "192.0.2.7")
    strangers.put_record(tenant_of("VerifyTenant, refused"), "TXT", '"somebody-elses=proof"')
    strangers.put_distribution("ajena-alias")
    strangers.put_file("apuntes.txt")
    strangers.put_file(f"{tenant_of('ActivateTenant, not recorded')}/apuntes.txt")
    strangers.put_file("heredada/viejo.duckdb")
    return {"things": strangers, "before": strangers.snapshot()}


def shared(aws: EmbeddedAws) -> dict[str, Any]:
    """All that tenants share, whoever made it: records, aliases, folders and files."""
    data = Path(aws.environment["FLUXION_DATA_DIR"])
    return {"zone": aws.zone(), "aliases": aws.aliases(), "files": sorted(str(path) for path in data.rglob("*"))}


# --- a permanent failure at each stage --------------------------------------------------------------------------------


class Failure(NamedTuple):
    """A state fails for good, before or after its effect on a shared system.

    code: what the record says. error: what AWS answers to the call. begun: states of which something is to be undone.
    """

    state: str
    code: str
    error: dict[str, str]
    begun: tuple[str, ...]


_CERTIFICATE = {"code": "InvalidViewerCertificate", "message": "the certificate does not cover it"}
_BATCH = {"code": "InvalidChangeBatch", "message": "the zone does not take it"}
_ALIAS, _ZONE, _FILE = "AttachCname", "CreateDnsRecords", "SeedDatabase"
FAILURES = {
    "ClaimTenant, not recorded": Failure("ClaimTenant", "AccessDenied", DENIED, ()),
    "AttachCname, refused": Failure("AttachCname", "CertificateDoesNotCover", _CERTIFICATE, ()),
    "AttachCname, not recorded": Failure("AttachCname", "AccessDenied", DENIED, (_ALIAS,)),
    "CreateDnsRecords, refused": Failure("CreateDnsRecords", "ZoneRefusedRecord", _BATCH, (_ALIAS,)),
    "CreateDnsRecords, not recorded": Failure("CreateDnsRecords", "AccessDenied", DENIED, (_ALIAS, _ZONE)),
    "SeedDatabase, refused": Failure("SeedDatabase", "AccessDenied", DENIED, (_ALIAS, _ZONE)),
    "SeedDatabase, not recorded": Failure("SeedDatabase", "AccessDenied", DENIED, (_ALIAS, _ZONE, _FILE)),
    "InvalidateCache, not recorded": Failure("InvalidateCache", "AccessDenied", DENIED, (_ALIAS, _ZONE, _FILE)),
    "VerifyTenant, refused": Failure("VerifyTenant", "AccessDenied", DENIED, (_ALIAS, _ZONE, _FILE)),
    "ActivateTenant, not recorded": Failure("ActivateTenant", "AccessDenied", DENIED, (_ALIAS, _ZONE, _FILE)),
}
_UNDONE_BY = {_FILE: "DiscardDatabase", _ZONE: "DeleteDnsRecords", _ALIAS: "DetachCname"}


def tenant_of(case: str) -> str:
    """A tenant for each case: `falla-activatetenant-despues`."""
    state, _, how = case.partition(", ")
    return f"falla-{state.lower()}-{'antes' if how == 'refused' else 'luego'}"


@pytest.fixture(scope="module")
def failed(embedded_aws: EmbeddedAws, faults: Faults, strangers: object) -> dict[str, Any]:
    """All of them at once; what the bus told; what they share, before and after; and then once more, without faults."""
    aws = embedded_aws
    before = shared(aws)
    with aws.bus("falla-") as told:
        for case, failure in FAILURES.items():
            find = effect_of if case.endswith("refused") else result_of
            faults.add(**find(aws, failure.state, tenant_of(case)), error=failure.error)
        for case in FAILURES:
            aws.insert(tenant_of(case))
        records = {case: aws.settled(tenant_of(case)) for case in FAILURES}
        left = {case: left_over(aws, tenant_of(case)) for case in FAILURES}
        after = shared(aws)
        eventually(lambda: len(ends(told())) >= len(FAILURES), "the last word about each on the bus", 20)
        events = {case: in_order(told(), tenant_of(case)) for case in FAILURES}
    mails = {case: aws.mail(tenant_of(case)) for case in FAILURES}
    faults.clear()
    for case in FAILURES:
        aws.insert(tenant_of(case), requested_at="again")
    for case in FAILURES:
        aws.settled(tenant_of(case), attempt=2)
    return {"records": records, "left": left, "events": events, "mails": mails, "before": before, "after": after}


def ends(got: list[dict[str, Any]]) -> set[str]:
    return {each["detail"]["metadata"]["tenant_id"] for each in got if each["detail-type"] == "TenantOnboardingFailed"}


@pytest.mark.parametrize("case", FAILURES)
def test_what_fails_for_good_is_undone_and_its_first_error_is_told(failed: dict[str, Any], case: str) -> None:
    failure, record = FAILURES[case], failed["records"][case]

    assert (record["status"], record["operation"]["state"]) == ("FAILED", "FAILED")
    assert (record["last_error"]["code"], record["last_error"]["stage"]) == (failure.code, failure.state)
    assert "due_at" not in record
    assert failed["left"][case] == []
    assert f"[fluxion] {tenant_of(case)}: {failure.state} failed" in failed["mails"][case]
    assert failure.error["message"] in failed["mails"][case]
    assert "Still there" not in failed["mails"][case]


@pytest.mark.parametrize("case", FAILURES)
def test_its_events_tell_the_way_there_and_the_way_back_in_order(failed: dict[str, Any], case: str) -> None:
    state, begun = FAILURES[case].state, FAILURES[case].begun
    there = list(FORWARD.values())[: list(FORWARD).index(state)]
    back = [UNDOING[_UNDONE_BY[each]] for each in reversed(begun)]

    assert failed["events"][case] == [*there, *back, "TenantOnboardingFailed"]


def test_records_aliases_and_files_are_as_if_nobody_had_tried(failed: dict[str, Any]) -> None:
    assert failed["after"] == failed["before"]


@pytest.mark.parametrize("case", FAILURES)
def test_the_same_name_is_onboarded_right_afterwards(
    embedded_aws: EmbeddedAws, failed: dict[str, Any], case: str
) -> None:
    assert is_live(embedded_aws, tenant_of(case))


# --- what can't be undone ---------------------------------------------------------------------------------------------

_NO_ALIAS, _NO_ZONE, _NO_FILE = (
    "DetachCname: AccessDenied",
    "DeleteDnsRecords: ZoneRefusedRecord",
    "DiscardDatabase: AccessDenied",
)
UNDO_ERRORS = {
    "medias-alias": [_NO_ALIAS],
    "medias-zona": [_NO_ZONE, _NO_ALIAS],
    "medias-todo": [_NO_FILE, _NO_ZONE, _NO_ALIAS],
    "medias-otra": [_NO_ALIAS],
}
"""Tenants whose roll-back fails, in these states. Another name is asked for the last one, meanwhile."""
SYSTEMS = {_NO_ALIAS: "cdn_aliases", _NO_ZONE: "dns_records", _NO_FILE: "tenant_database"}


@pytest.fixture(scope="module")
def incomplete(embedded_aws: EmbeddedAws, faults: Faults) -> dict[str, Any]:
    """Their roll-back fails half-way; then the fault is gone, and the schedule looks."""
    aws = embedded_aws
    for tenant, errors in UNDO_ERRORS.items():
        faults.add(**effect_of(aws, "VerifyTenant", tenant), error=DENIED, latency_seconds=3)
        if _NO_ZONE in errors:
            faults.add(**effect_of(aws, "DeleteDnsRecords", tenant), error=_BATCH)
        if _NO_FILE in errors:
            faults.add(**result_of(aws, "DiscardDatabase", tenant), error=DENIED)
        aws.insert(tenant)
    for tenant in UNDO_ERRORS:
        eventually(lambda tenant=tenant: "CnameAttached" in aws.outbox(tenant), f"the alias of {tenant}")  # type: ignore[misc]
    faults.add("cloudfront", "UpdateDistribution", principal=role_of("DetachCname"), error={"code": "AccessDenied"})
    records = {tenant: aws.settled(tenant) for tenant in UNDO_ERRORS}
    mails = {tenant: aws.mail(tenant) for tenant in UNDO_ERRORS}
    facts = {tenant: failures(aws, tenant) for tenant in UNDO_ERRORS}
    faults.clear()
    aws.insert("medias-otra", name="Otro nombre")
    reconcile(aws, *UNDO_ERRORS)
    for tenant in UNDO_ERRORS:
        aws.settled(tenant, attempt=2)
    return {"records": records, "mails": mails, "facts": facts}


@pytest.mark.parametrize("tenant", UNDO_ERRORS)
def test_what_could_not_be_undone_is_listed_beside_the_first_error(incomplete: dict[str, Any], tenant: str) -> None:
    record, (fact,), mail = (incomplete[what][tenant] for what in ("records", "facts", "mails"))

    assert (record["status"], record["operation"]["state"]) == ("ROLLBACK_INCOMPLETE", "FAILED")
    assert (record["last_error"]["code"], record["last_error"]["stage"]) == ("AccessDenied", "VerifyTenant")
    assert fact["remaining"] == sorted(SYSTEMS[error] for error in UNDO_ERRORS[tenant])
    assert [": ".join(error.split(": ")[:2]) for error in fact["undo_errors"]] == UNDO_ERRORS[tenant]
    assert f"{tenant}: VerifyTenant failed" in mail
    assert all(f"While undoing: {error}: " in mail for error in UNDO_ERRORS[tenant])
    assert f"Still there: {', '.join(fact['remaining'])}" in mail


@pytest.mark.parametrize("tenant", [tenant for tenant in UNDO_ERRORS if tenant != "medias-otra"])
def test_the_schedule_finishes_the_roll_back_and_says_so(
    embedded_aws: EmbeddedAws, incomplete: dict[str, Any], tenant: str
) -> None:
    record = embedded_aws.record(tenant)

    assert (record["status"], record["operation"]["state"]) == ("FAILED", "FAILED")
    assert "due_at" not in record
    assert embedded_aws.left_over(tenant) == []
    assert [fact["remaining"] for fact in failures(embedded_aws, tenant)][-1] == []
    assert "Still there" not in embedded_aws.mail(tenant, number=2)


def test_a_newer_wish_is_onboarded_from_what_was_left(embedded_aws: EmbeddedAws, incomplete: dict[str, Any]) -> None:
    assert is_live(embedded_aws, "medias-otra")
    assert embedded_aws.get(embedded_aws.host("medias-otra")).json()["name"] == "Otro nombre"


# --- what is others' --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", [("lagranja", "1agranja"), ("1arioja", "larioja")], ids="-".join)
def test_of_confusable_names_at_once_one_wins_and_nothing_of_the_other_is_left(
    embedded_aws: EmbeddedAws, pair: tuple[str, str]
) -> None:
    for tenant in pair:
        embedded_aws.insert(tenant)

    records = {tenant: embedded_aws.settled(tenant) for tenant in pair}

    (loser,) = (tenant for tenant in pair if records[tenant]["status"] == "FAILED")
    (winner,) = set(pair) - {loser}
    assert is_live(embedded_aws, winner)
    assert records[loser]["last_error"]["code"] == "NameClaimedByOther"
    assert embedded_aws.left_over(loser) == []
    assert claim_of(winner) in embedded_aws.left_over(winner)
    mail = embedded_aws.mail(loser)
    assert "look-alike characters (1 and l, 0 and o, rn and m) count as one name" in mail
    assert f"'{winner}'" in mail


@pytest.mark.parametrize(
    ("tenant", "code"), [("ajena-zona", "RecordBelongsToOthers"), ("ajena-alias", "AliasBelongsToOthers")]
)
def test_what_others_have_stands_in_the_way_and_stays(
    embedded_aws: EmbeddedAws, strangers: dict[str, Any], tenant: str, code: str
) -> None:
    before = embedded_aws.zone()
    embedded_aws.insert(tenant)

    record = embedded_aws.settled(tenant)

    assert (record["status"], record["last_error"]["code"]) == ("FAILED", code)
    assert tenant != "ajena-zona" or "192.0.2.7" in embedded_aws.mail(tenant)
    assert embedded_aws.zone() == before
    kinds = {kind for name, kind in embedded_aws.zone() if name == embedded_aws.host(tenant)}
    assert kinds == ({"A"} if tenant == "ajena-zona" else set())
    assert embedded_aws.host(tenant) not in embedded_aws.aliases()
    assert strangers["things"].snapshot() == strangers["before"]


def test_a_database_that_lay_there_before_is_never_discarded(
    embedded_aws: EmbeddedAws, faults: Faults, strangers: dict[str, Any]
) -> None:
    """A seed finds somebody's database without a pointer, and tries again; then it fails for good, and is undone."""
    call = {"service": "dynamodb", "operation": "GetItem", "principal": role_of("SeedDatabase")}
    with faults.rule(**call, match='"TENANT#heredada"', after=2, times=1, error=DENIED) as rule:
        embedded_aws.insert("heredada")
        record = embedded_aws.settled("heredada")
        assert rule.hits == 1

    assert (record["status"], record["last_error"]["stage"]) == ("FAILED", "SeedDatabase")
    assert embedded_aws.left_over("heredada") == ["file viejo.duckdb"]
    assert strangers["things"].snapshot() == strangers["before"]


def test_a_failing_change_of_a_live_tenant_undoes_nothing(embedded_aws: EmbeddedAws, faults: Faults) -> None:
    embedded_aws.onboard("en-linea")
    files = embedded_aws.files("en-linea")
    with faults.rule(**effect_of(embedded_aws, "VerifyTenant", "en-linea"), error=DENIED):
        embedded_aws.insert("en-linea", name="Otro nombre")
        record = embedded_aws.settled("en-linea", attempt=2)

    assert (record["status"], record["operation"]["state"]) == ("ACTIVE", "FAILED")
    assert embedded_aws.outbox("en-linea")[-1] == "TenantUpdateFailed"
    assert set(embedded_aws.files("en-linea")) == set(files)
    assert is_live(embedded_aws, "en-linea")


def test_nothing_of_others_was_touched_by_all_of_this(strangers: dict[str, Any]) -> None:
    assert strangers["things"].snapshot() == strangers["before"]
