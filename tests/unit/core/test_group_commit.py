"""What all writers share: every state is answered, from what is on record, and an intent comes before its effect."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tenancy.domain.errors import AccessDenied, GenerationSuperseded, RecordBelongsToOthers
from tenancy.group_commit.cdn_aliases import Distribution
from tenancy.group_commit.dns_records import HostedZone
from tenancy.group_commit.edge_cache import EdgeCache
from tenancy.group_commit.protocol import GroupCommit, Request, Writer
from tenancy.platform import aws, step_functions
from tenancy.tables.effects import Effect, Effects, EffectState
from tenancy.tables.provisioning import Provisioning

from .conftest import BASE, CACHE, CDN, DNS, Ask, Executions, Lifecycle, Tables, instead_of
from .fakes import FakeCloudFront, FakeRoute53, refused


def test_a_late_request_brings_nothing_back(
    ask: Ask, route53: FakeRoute53, lifecycle: Lifecycle, tables: Tables
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja", "one")
    lifecycle.fail("granja", "AccessDenied", stage="AttachCname", execution="one")

    (answer,) = ask(HostedZone(DNS), "granja", claim=False)

    assert isinstance(answer, GenerationSuperseded)
    assert route53.changes == 0


def test_a_request_of_an_older_generation_decides_nothing(
    ask: Ask, route53: FakeRoute53, lifecycle: Lifecycle, tables: Tables
) -> None:
    tables.insert("granja")
    lifecycle.onboard("granja")
    tables.insert("granja", name="La Granja")
    assert lifecycle.claim("granja", "two")["generation"] == 2

    (answer,) = ask(HostedZone(DNS), "granja", claim=False)  # asks for generation 1

    assert isinstance(answer, GenerationSuperseded)
    assert route53.changes == 0


def test_a_request_of_a_tenant_that_nobody_knows_is_superseded(ask: Ask, route53: FakeRoute53) -> None:
    (answer,) = ask(HostedZone(DNS), "nobody", claim=False)

    assert isinstance(answer, GenerationSuperseded)
    assert route53.changes == 0


def test_the_intent_is_on_record_before_the_effect(
    ask: Ask, route53: FakeRoute53, provisioning: Provisioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    change = route53.change_resource_record_sets

    def watched(**arguments: Any) -> dict[str, Any]:
        effect = provisioning.effects.of("granja", "dns_records")
        seen.append(effect.state if effect else None)
        return change(**arguments)

    monkeypatch.setattr(route53, "change_resource_record_sets", watched)
    ask(HostedZone(DNS), "granja")

    after = provisioning.effects.of("granja", "dns_records")
    assert seen == ["STARTED"]
    assert after is not None
    assert after.state == "DONE"


def test_nobody_hears_of_a_result_before_it_is_on_record(
    ask: Ask, route53: FakeRoute53, provisioning: Provisioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    answer = step_functions.answer

    def watched(token: str, outcome: Any) -> None:
        effect = provisioning.effects.of("granja", "dns_records")
        seen.append(effect.state if effect else None)
        answer(token, outcome)

    monkeypatch.setattr(step_functions, "answer", watched)
    ask(HostedZone(DNS), "granja")

    assert seen == ["DONE"]


def test_a_result_from_before_the_tenant_turned_round_is_nobodys(
    ask: Ask, route53: FakeRoute53, lifecycle: Lifecycle, provisioning: Provisioning, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = route53.change_resource_record_sets

    def turned_round_meanwhile(**arguments: Any) -> dict[str, Any]:
        lifecycle.roll_back("granja", "AccessDenied", stage="CreateDnsRecords", execution="execution-of-granja")
        return change(**arguments)

    monkeypatch.setattr(route53, "change_resource_record_sets", turned_round_meanwhile)
    (answer,) = ask(HostedZone(DNS), "granja")

    effect = provisioning.effects.of("granja", "dns_records")
    assert isinstance(answer, GenerationSuperseded)
    assert effect is not None
    assert effect.state == "STARTED"  # it is there, and is still to be undone


@pytest.mark.parametrize("operation", ["BatchGetItem", "TransactWriteItems"])
def test_a_writer_that_may_not_use_its_own_table_says_so_to_every_state(
    ask: Ask, route53: FakeRoute53, tables: Tables, lifecycle: Lifecycle, operation: str
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja")
    events = aws.client("dynamodb").meta.events
    handler = f"before-call.dynamodb.{operation}"

    def deny(**_: Any) -> None:
        raise refused(operation, "AccessDeniedException", f"not authorized to perform dynamodb:{operation}")

    events.register(handler, deny)
    try:
        (answer,) = ask(HostedZone(DNS), "granja", claim=False)
    finally:
        events.unregister(handler, deny)

    assert isinstance(answer, AccessDenied)
    assert operation in str(answer)


@pytest.mark.parametrize("system", ["dns", "cache"])
def test_what_one_call_has_done_is_not_forgotten_because_the_next_could_not_begin(
    ask: Ask, route53: FakeRoute53, provisioning: Provisioning, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    if system == "cache":
        instead_of("cloudfront", FakeCloudFront(BASE), monkeypatch)
    begin = Effects.start_all
    begun: list[Any] = []

    def once(self: Effects, intents: Any) -> set[str]:
        if begun:
            raise AccessDenied("DynamoDB answered AccessDeniedException to BatchWriteItem: no")
        begun.extend(intents)
        return begin(self, intents)

    monkeypatch.setattr(Effects, "start_all", once)
    one = {"tenants_a_call": 1}
    writer: Writer = (
        HostedZone(DNS.model_copy(update=one)) if system == "dns" else EdgeCache(CACHE.model_copy(update=one))
    )

    first, second = ask(writer, "granja", "mercado")

    effect = provisioning.effects.of("granja", writer.system)
    assert (first, type(second)) == ({"changed": True}, AccessDenied)
    assert effect is not None
    assert effect.state == "DONE"
    assert provisioning.effects.of("mercado", writer.system) is None


def test_two_requests_of_one_tenant_are_one_effect_and_two_answers(
    tables: Tables, lifecycle: Lifecycle, executions: Executions, provisioning: Provisioning, route53: FakeRoute53
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja")
    requests = [Request("granja", 1, "CreateDnsRecords", "one", token, token) for token in ("one", "two")]

    GroupCommit(HostedZone(DNS), provisioning).run(requests, until=60)

    assert dict(executions.answers) == {"one": {"changed": True}, "two": {"changed": True}}
    assert route53.changes == 1


# --- two at once ------------------------------------------------------------------------------------------------------


@pytest.fixture
def rivals(
    tables: Tables, lifecycle: Lifecycle, executions: Executions, provisioning: Provisioning
) -> Callable[..., list[Any]]:
    """The same requests reach two writers; the second does all of its work at one moment of the first's."""

    def rivals(make: Callable[[], Writer], fake: Any, operation: str) -> list[Any]:
        tenants = ["granja", "mercado"]
        for tenant in tenants:
            tables.insert(tenant)
            lifecycle.claim(tenant, f"execution-of-{tenant}")
        requests = [Request(t, 1, "TheStage", f"execution-of-{t}", f"token-{t}", t) for t in tenants]
        call, begun = getattr(fake, operation), []

        def between(**arguments: Any) -> Any:
            if not begun:
                begun.append(True)
                assert set(GroupCommit(make(), provisioning).run(requests, until=1e9).values()) == {None}
            return call(**arguments)

        setattr(fake, operation, between)
        assert set(GroupCommit(make(), provisioning).run(requests, until=1e9).values()) == {None}
        return [outcome for _, outcome in executions.answers]

    return rivals


@pytest.mark.parametrize("operation", ["get_distribution_config", "update_distribution"])
def test_two_writers_of_one_distribution_do_the_same_once(
    rivals: Callable[..., list[Any]],
    cloudfront: FakeCloudFront,
    provisioning: Provisioning,
    tables: Tables,
    operation: str,
) -> None:
    answers = rivals(lambda: Distribution(CDN), cloudfront, operation)

    assert all("changed" in answer for answer in answers)
    assert sorted(cloudfront.aliases[2:]) == [f"granja.{BASE}", f"mercado.{BASE}"]
    assert tables.events().count("CnameAttached") == 2
    assert {provisioning.effects.of(tenant, "cdn_aliases").state for tenant in ("granja", "mercado")} == {"DONE"}  # type: ignore[union-attr]


def test_two_writers_of_one_zone_do_the_same_once(
    rivals: Callable[..., list[Any]], route53: FakeRoute53, provisioning: Provisioning, tables: Tables
) -> None:
    answers = rivals(lambda: HostedZone(DNS), route53, "change_resource_record_sets")

    assert all("changed" in answer for answer in answers)
    assert len(route53.records) == 4
    assert tables.events().count("DnsRecordsCreated") == 2
    assert {provisioning.effects.of(tenant, "dns_records").state for tenant in ("granja", "mercado")} == {"DONE"}  # type: ignore[union-attr]


def test_a_foreign_record_is_foreign_to_both_writers(
    rivals: Callable[..., list[Any]], route53: FakeRoute53, provisioning: Provisioning
) -> None:
    route53.put(f"granja.{BASE}", "A", "192.0.2.7")
    foreign = dict(route53.records)

    answers = rivals(lambda: HostedZone(DNS), route53, "change_resource_record_sets")

    assert [type(answer) for answer in answers].count(RecordBelongsToOthers) == 2
    assert foreign.items() <= route53.records.items()
    assert (f"granja.{BASE}", "AAAA") not in route53.records


def test_an_intent_that_another_writer_holds_is_not_withdrawn(
    tables: Tables, provisioning: Provisioning, lifecycle: Lifecycle
) -> None:
    tables.insert("granja")
    lifecycle.claim("granja")
    intent = Effect("granja", "dns_records", EffectState.STARTED, 1, 1, "target", "one")
    assert provisioning.effects.start_all([(intent, None)]) == set()
    assert provisioning.effects.start_all([(intent, None)]) == set(), "repeating one's own changes nothing"
    other = replace(intent, writer="two")
    assert provisioning.effects.start_all([(other, None)]) == {"granja"}
    assert provisioning.effects.start_all([(other, intent)]) == set()

    provisioning.effects.withdraw(intent)

    assert provisioning.effects.of("granja", "dns_records") == other
