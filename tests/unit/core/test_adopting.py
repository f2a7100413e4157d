"""A tenant that existed before: what the operator has proven becomes ours, nothing else does, and a failure takes
nothing away that was there before.
"""

import copy
from typing import Any

import pytest

from tenancy.domain.errors import AliasBelongsToOthers, RecordBelongsToOthers
from tenancy.group_commit.cdn_aliases import Distribution
from tenancy.group_commit.dns_records import HostedZone
from tenancy.tables.effects import Effect, EffectState
from tenancy.tables.provisioning import Provisioning

from .conftest import BASE, CDN, DNS, RUN, TARGET, Ask, Lifecycle, Tables, record_of
from .fakes import FakeCloudFront, FakeRoute53
from .granja import PROOF

pytestmark = pytest.mark.slow

HOST = f"granja.{BASE}"


def create(route53: FakeRoute53, kind: str, target: str = TARGET) -> None:
    """A record that somebody made by hand."""
    alias = {"HostedZoneId": "Z2FDTNDATAQYW2", "DNSName": target, "EvaluateTargetHealth": False}
    route53.records[HOST, kind] = {"Name": HOST, "Type": kind, "AliasTarget": alias}


@pytest.fixture
def before(route53: FakeRoute53, cloudfront: FakeCloudFront) -> None:
    """What there was of granja by hand."""
    create(route53, "A")
    create(route53, "AAAA")
    cloudfront.aliases.append(HOST)


def claim(tables: Tables, lifecycle: Lifecycle, run: str = RUN, **proof: Any) -> None:
    tables.insert("granja", adopt=PROOF | proof)
    lifecycle.claim("granja", run)


# --- records and alias ------------------------------------------------------------------------------------------------


def test_what_is_proven_is_left_alone_and_is_ours(
    before: None, tables: Tables, lifecycle: Lifecycle, ask: Ask, route53: FakeRoute53, cloudfront: FakeCloudFront
) -> None:
    records, aliases = copy.deepcopy(route53.records), list(cloudfront.aliases)
    claim(tables, lifecycle)

    answers = [*ask(Distribution(CDN), "granja", claim=False), *ask(HostedZone(DNS), "granja", claim=False)]

    assert answers == [{"changed": True}, {"changed": True}]
    assert (route53.records, cloudfront.aliases) == (records, aliases)
    assert (route53.changes, cloudfront.updates) == (0, 0)
    assert {each.system: each.state for each in Provisioning("provisioning").effects.all_of("granja")} == {
        "dns_records": "DONE",
        "cdn_aliases": "DONE",
    }


def test_intents_are_for_what_the_proof_names_and_for_nothing_else(
    before: None, tables: Tables, lifecycle: Lifecycle, ask: Ask, route53: FakeRoute53, provisioning: Provisioning
) -> None:
    records = copy.deepcopy(route53.records)
    claim(tables, lifecycle, records=[])

    assert [each.system for each in provisioning.effects.all_of("granja")] == ["cdn_aliases"]
    (answer,) = ask(HostedZone(DNS), "granja", claim=False)
    assert isinstance(answer, RecordBelongsToOthers)
    assert route53.records == records


def test_an_alias_that_is_not_proven_is_somebody_else_s(
    before: None, tables: Tables, lifecycle: Lifecycle, ask: Ask, cloudfront: FakeCloudFront
) -> None:
    claim(tables, lifecycle, alias=False)

    (answer,) = ask(Distribution(CDN), "granja", claim=False)

    assert isinstance(answer, AliasBelongsToOthers)
    assert HOST in cloudfront.aliases


@pytest.mark.parametrize(
    ("proof", "zone"),
    [
        (["A", "AAAA"], {"A": TARGET}),
        (["A", "AAAA"], {}),
        (["A"], {"A": TARGET, "AAAA": TARGET}),
        (["A"], {"AAAA": TARGET}),
        (["A", "AAAA"], {"A": TARGET, "AAAA": "d999.cloudfront.net"}),
    ],
)
def test_records_that_are_not_those_of_the_proof_any_more_are_not_touched(
    tables: Tables, lifecycle: Lifecycle, ask: Ask, route53: FakeRoute53, proof: list[str], zone: dict[str, str]
) -> None:
    for kind, target in zone.items():
        create(route53, kind, target)
    records = copy.deepcopy(route53.records)
    claim(tables, lifecycle, records=proof)

    for _ in range(2):
        (answer,) = ask(HostedZone(DNS), "granja", claim=False)
        assert isinstance(answer, RecordBelongsToOthers)
    lifecycle.roll_back("granja", "RecordBelongsToOthers", stage="CreateDnsRecords", execution=RUN)
    ask(HostedZone(DNS), "granja", claim=False)

    assert route53.records == records
    assert route53.changes == 0


def test_an_alias_that_has_gone_since_the_proof_is_not_added(
    tables: Tables, lifecycle: Lifecycle, ask: Ask, cloudfront: FakeCloudFront
) -> None:
    claim(tables, lifecycle)

    (answer,) = ask(Distribution(CDN), "granja", claim=False)

    assert isinstance(answer, AliasBelongsToOthers)
    assert cloudfront.updates == 0


def undo(lifecycle: Lifecycle, ask: Ask) -> None:
    lifecycle.roll_back("granja", "AdoptionProofDiffers", stage="SeedDatabase", execution=RUN)
    ask(HostedZone(DNS), "granja", claim=False)
    ask(Distribution(CDN), "granja", claim=False)
    lifecycle.fail("granja", "AdoptionProofDiffers", stage="SeedDatabase", execution=RUN)
    lifecycle.end(RUN)


def test_an_adoption_that_fails_for_good_leaves_records_and_alias_as_they_were(
    before: None,
    tables: Tables,
    lifecycle: Lifecycle,
    ask: Ask,
    route53: FakeRoute53,
    cloudfront: FakeCloudFront,
    provisioning: Provisioning,
) -> None:
    records, aliases = copy.deepcopy(route53.records), list(cloudfront.aliases)
    claim(tables, lifecycle)
    ask(Distribution(CDN), "granja", claim=False)
    ask(HostedZone(DNS), "granja", claim=False)

    undo(lifecycle, ask)

    assert (route53.records, cloudfront.aliases) == (records, aliases)
    record = record_of(provisioning)
    assert (record.status, record.adopting) == ("FAILED", None)
    assert provisioning.effects.all_of("granja") == []
    assert not {"DnsRecordsDeleted", "CnameDetached"} & set(tables.events()), "for nothing went"
    claim(tables, lifecycle, "another")
    assert len(provisioning.effects.all_of("granja")) == 2, "and it can be adopted yet"


def test_of_an_adoption_that_failed_what_was_made_in_addition_goes(
    tables: Tables, lifecycle: Lifecycle, ask: Ask, route53: FakeRoute53, provisioning: Provisioning
) -> None:
    create(route53, "A")
    records = copy.deepcopy(route53.records)
    claim(tables, lifecycle, records=["A"], alias=False)
    ask(HostedZone(DNS), "granja", claim=False)
    assert set(route53.records) == {(HOST, "A"), (HOST, "AAAA")}

    undo(lifecycle, ask)

    assert route53.records == records
    assert provisioning.effects.all_of("granja") == []


def test_an_item_that_goes_before_the_tenant_was_live_takes_nothing_along(
    before: None,
    tables: Tables,
    lifecycle: Lifecycle,
    ask: Ask,
    route53: FakeRoute53,
    cloudfront: FakeCloudFront,
) -> None:
    records, aliases = copy.deepcopy(route53.records), list(cloudfront.aliases)
    claim(tables, lifecycle)
    ask(Distribution(CDN), "granja", claim=False)
    ask(HostedZone(DNS), "granja", claim=False)
    lifecycle.fail("granja", "States.Timeout", stage="SeedDatabase", execution=RUN)
    lifecycle.end(RUN)
    tables.tenants.delete_item(Key={"tenant_id": "granja"})

    assert lifecycle.hold("granja", "off")["outcome"] == "offboard"
    ask(HostedZone(DNS), "granja", claim=False)
    ask(Distribution(CDN), "granja", claim=False)

    assert (route53.records, cloudfront.aliases) == (records, aliases)


def test_from_the_first_time_that_it_is_live_all_of_it_is_the_tenant_s(
    before: None, tables: Tables, lifecycle: Lifecycle, ask: Ask, route53: FakeRoute53, provisioning: Provisioning
) -> None:
    claim(tables, lifecycle)
    ask(HostedZone(DNS), "granja", claim=False)
    lifecycle.activate("granja", RUN)

    record = record_of(provisioning)
    assert (record.adopting, provisioning.effects.found_before(record)) == (None, [])


def test_who_is_under_management_gets_no_more_intents(
    before: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    effect = Effect("granja", "tenant_database", EffectState.DONE, 1, 1, "t")
    tables.insert("granja")
    lifecycle.claim("granja", RUN)
    provisioning.effects.start(effect)

    claim(tables, lifecycle)

    assert provisioning.effects.all_of("granja") == [effect]
    assert record_of(provisioning).adopting is None


def test_a_claim_that_is_repeated_writes_the_same_intents_once(
    before: None, tables: Tables, lifecycle: Lifecycle, provisioning: Provisioning
) -> None:
    claim(tables, lifecycle)
    effects = provisioning.effects.all_of("granja")
    lifecycle.claim("granja", RUN)
    lifecycle.end(RUN)
    lifecycle.claim("granja", "another")  # whose predecessor vanished

    assert provisioning.effects.all_of("granja") == effects
    assert {each.writer for each in effects} == {"adopted"}


def test_a_writer_of_ours_that_was_faster_is_no_stranger(
    tables: Tables, lifecycle: Lifecycle, ask: Ask, route53: FakeRoute53, provisioning: Provisioning, monkeypatch: Any
) -> None:
    create(route53, "A")
    claim(tables, lifecycle, records=["A"], alias=False)
    look = route53.list_resource_record_sets

    def after_a_rival(**given: Any) -> Any:
        if (HOST, "AAAA") not in route53.records:
            provisioning.effects.start(Effect("granja", "dns_records", EffectState.STARTED, 1, 1, TARGET, "rival"))
            create(route53, "AAAA")
        return look(**given)

    monkeypatch.setattr(route53, "list_resource_record_sets", after_a_rival)

    assert ask(HostedZone(DNS), "granja", claim=False) == [{"changed": True}]
    assert route53.changes == 0
