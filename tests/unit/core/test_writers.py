"""The three writers: one call for all, foreign things untouched, what is not wanted any more undone."""

from dataclasses import replace

import pytest

from tenancy.domain.errors import (
    AccessDenied,
    AliasBelongsToOthers,
    AliasQuotaExceeded,
    RecordBelongsToOthers,
    ServiceUnavailable,
    ZoneQuotaExceeded,
    ZoneRefusedRecord,
)
from tenancy.group_commit.cdn_aliases import Distribution
from tenancy.group_commit.dns_records import HostedZone
from tenancy.group_commit.edge_cache import EdgeCache
from tenancy.tables.effects import EffectState
from tenancy.tables.provisioning import Provisioning

from .conftest import BASE, CACHE, CDN, DNS, Ask, Lifecycle, Tables, VirtualTime
from .fakes import FakeCloudFront, FakeRoute53, refused

pytestmark = pytest.mark.slow

# --- the zone ---------------------------------------------------------------------------------------------------------


def test_many_tenants_share_one_change_and_are_all_told(ask: Ask, route53: FakeRoute53, tables: Tables) -> None:
    tenants = [f"tenant-{number}" for number in range(20)]

    answers = ask(HostedZone(DNS), *tenants)

    assert answers == [{"changed": True}] * 20
    assert (route53.changes, route53.looks) == (1, 0)
    assert len(route53.records) == 40
    assert tables.events().count("DnsRecordsCreated") == 20


def test_a_repeated_request_is_answered_from_the_record(ask: Ask, route53: FakeRoute53) -> None:
    ask(HostedZone(DNS), "granja")

    assert ask(HostedZone(DNS), "granja", claim=False) == [{"changed": False}]
    assert (route53.changes, route53.looks) == (1, 0)


def test_a_foreign_record_is_left_alone_and_only_its_tenant_fails(ask: Ask, route53: FakeRoute53) -> None:
    route53.put(f"granja.{BASE}", "A", "192.0.2.7")
    before = dict(route53.records)

    first, foreign, last = ask(HostedZone(DNS), "mercado", "granja", "tienda")

    assert first == last == {"changed": True}
    assert isinstance(foreign, RecordBelongsToOthers)
    assert "192.0.2.7" in str(foreign)
    assert before.items() <= route53.records.items()
    assert (f"granja.{BASE}", "AAAA") not in route53.records


def test_a_foreign_record_that_looks_like_ours_is_still_foreign_on_the_next_try(ask: Ask, route53: FakeRoute53) -> None:
    ask(HostedZone(DNS), "granja")
    ours = dict(route53.records)
    route53.records = {key: record | {"Name": f"otra.{BASE}"} for key, record in ours.items()}
    route53.records = {(f"otra.{BASE}", kind): record for (_, kind), record in route53.records.items()}

    for claim in (True, False):
        (answer,) = ask(HostedZone(DNS), "otra", claim=claim)
        assert isinstance(answer, RecordBelongsToOthers)


def test_an_answer_that_was_lost_is_found_out_and_nothing_is_written_twice(ask: Ask, route53: FakeRoute53) -> None:
    route53.answer_lost = True
    (lost,) = ask(HostedZone(DNS), "granja")
    assert isinstance(lost, ServiceUnavailable)

    (answer,) = ask(HostedZone(DNS), "granja", claim=False)

    assert answer == {"changed": True}
    assert route53.changes == 1


@pytest.mark.parametrize("code", ["Throttling", "PriorRequestNotComplete"])
def test_a_busy_zone_is_waited_for_by_all_together(
    ask: Ask, route53: FakeRoute53, virtual_time: VirtualTime, code: str
) -> None:
    route53.before = [refused("ChangeResourceRecordSets", code)] * 4

    answers = ask(HostedZone(DNS), "granja", "mercado")

    assert answers == [{"changed": True}] * 2
    assert route53.changes == 1
    *waits, rest = virtual_time.waited
    assert waits == sorted(waits)
    assert 7.5 <= sum(waits) <= 15 + 4 * 0.1, "1 + 2 + 4 + 8 s, half of each by chance"
    assert rest == 0.2, "a zone has a rest after a change"


def test_a_zone_has_a_rest_between_two_changes(ask: Ask, route53: FakeRoute53, virtual_time: VirtualTime) -> None:
    ask(HostedZone(DNS.model_copy(update={"tenants_a_call": 1})), "granja", "mercado")

    assert route53.changes == 2
    assert virtual_time.waited == [0.2, 0.2]


def test_a_zone_that_stays_busy_leaves_all_to_the_next_invocation(
    ask: Ask, route53: FakeRoute53, virtual_time: VirtualTime
) -> None:
    route53.before = [refused("ChangeResourceRecordSets", "Throttling")] * 1000

    assert ask(HostedZone(DNS), "granja", "mercado", seconds=210) == [None, None]
    assert 180 <= virtual_time.now <= 210

    route53.before = []
    assert ask(HostedZone(DNS), "granja", "mercado", claim=False) == [{"changed": True}] * 2


def test_what_is_denied_is_denied_to_all_and_not_tried_again(ask: Ask, route53: FakeRoute53) -> None:
    route53.before = [refused("ChangeResourceRecordSets", "AccessDenied")]

    answers = ask(HostedZone(DNS), "granja", "mercado")

    assert [type(answer) for answer in answers] == [AccessDenied] * 2
    assert route53.changes == 0


def test_a_burst_is_paced_and_what_does_not_fit_the_time_is_left(
    ask: Ask, route53: FakeRoute53, virtual_time: VirtualTime
) -> None:
    slow = DNS.model_copy(update={"tenants_a_call": 1, "zone_change_burst": 2, "zone_changes_per_second": 0.1})
    writer = HostedZone(slow)

    answers = ask(writer, "granja", "mercado", "tienda", "bodega", seconds=45)

    assert answers == [{"changed": True}] * 3 + [None]
    assert virtual_time.waited == [20, 20], "two records a call, one change in ten seconds"


def test_the_quota_outlives_the_invocation(ask: Ask, cloudfront: FakeCloudFront, virtual_time: VirtualTime) -> None:
    writer = Distribution(CDN)
    ask(writer, "granja")
    assert virtual_time.waited == [25], "0.04 updates a second: who comes meanwhile is in the next batch"

    ask(writer, "mercado", "tienda")

    assert virtual_time.waited == [25, 25], "the second update had nothing more to wait for"
    assert cloudfront.updates == 2


def test_a_record_that_the_zone_refuses_for_itself_is_reported_with_its_words(ask: Ask, route53: FakeRoute53) -> None:
    route53.before = [refused("ChangeResourceRecordSets", "InvalidChangeBatch", "no more records in this zone")]

    (answer,) = ask(HostedZone(DNS), "granja")

    assert isinstance(answer, ZoneRefusedRecord)
    assert "no more records in this zone" in str(answer)


@pytest.mark.parametrize(("have", "fit"), [(79, 2), (80, 2), (97, 1), (98, 1), (99, 0), (100, 0), (101, 0)])
def test_no_more_records_than_the_zone_has_room_for(ask: Ask, route53: FakeRoute53, have: int, fit: int) -> None:
    for number in range(have):
        route53.put(f"other-{number}.{BASE}", "TXT", '"x"')

    answers = ask(HostedZone(DNS.model_copy(update={"zone_record_quota": 100})), "granja", "mercado")

    assert [isinstance(answer, ZoneQuotaExceeded) for answer in answers] == [number >= fit for number in range(2)]
    assert len(route53.records) == have + 2 * fit
    assert route53.changes == (1 if fit else 0)


def test_the_zone_is_counted_once_a_minute_while_there_is_room(ask: Ask, route53: FakeRoute53) -> None:
    writer = HostedZone(DNS)
    for tenant in ("granja", "mercado", "tienda"):
        ask(writer, tenant)

    assert route53.counts == 1


def test_a_zone_that_is_nearly_full_is_counted_each_time(ask: Ask, route53: FakeRoute53) -> None:
    writer = HostedZone(DNS.model_copy(update={"zone_record_quota": 6}))
    for number in range(5):
        route53.put(f"other-{number}.{BASE}", "TXT", '"x"')
    assert isinstance(ask(writer, "granja")[0], ZoneQuotaExceeded)

    route53.records.clear()

    assert ask(writer, "granja", claim=False) == [{"changed": True}]


def test_a_count_that_fails_holds_nobody_up(ask: Ask, route53: FakeRoute53) -> None:
    route53.uncountable = True

    assert ask(HostedZone(DNS), "granja") == [{"changed": True}]


# --- the distribution -------------------------------------------------------------------------------------------------


def test_all_aliases_go_into_one_update_and_none_is_lost(ask: Ask, cloudfront: FakeCloudFront) -> None:
    answers = ask(Distribution(CDN), "granja", "mercado")

    assert answers == [{"changed": True}] * 2
    assert cloudfront.updates == 1
    assert cloudfront.aliases == [BASE, f"*.{BASE}", f"granja.{BASE}", f"mercado.{BASE}"]


def test_a_writer_that_was_faster_is_read_and_respected(ask: Ask, cloudfront: FakeCloudFront) -> None:
    cloudfront.disturb = ["other.example"]

    assert ask(Distribution(CDN), "granja") == [{"changed": True}]
    assert {"other.example", f"granja.{BASE}"} <= set(cloudfront.aliases)


def test_a_writer_that_is_always_faster_is_left_to_the_next_invocation(ask: Ask, cloudfront: FakeCloudFront) -> None:
    cloudfront.disturb = [f"other-{number}.example" for number in range(1000)]

    assert ask(Distribution(CDN), "granja") == [None]
    assert cloudfront.updates == 0


def test_an_alias_of_another_distribution_is_never_moved(ask: Ask, cloudfront: FakeCloudFront) -> None:
    cloudfront.elsewhere = {f"granja.{BASE}"}

    good, taken = ask(Distribution(CDN), "mercado", "granja")

    assert good == {"changed": True}
    assert isinstance(taken, AliasBelongsToOthers)
    assert f"granja.{BASE}" not in cloudfront.aliases


def test_an_alias_on_our_distribution_that_we_did_not_put_there_is_not_ours(
    ask: Ask, cloudfront: FakeCloudFront
) -> None:
    cloudfront.aliases.append(f"granja.{BASE}")

    (answer,) = ask(Distribution(CDN), "granja")

    assert isinstance(answer, AliasBelongsToOthers)
    assert cloudfront.updates == 0


@pytest.mark.parametrize("have", [97, 98, 99])
def test_no_more_aliases_than_the_quota_allows(ask: Ask, cloudfront: FakeCloudFront, have: int) -> None:
    cloudfront.aliases += [f"a{number}.example" for number in range(have - 2)]

    answers = ask(Distribution(CDN), "granja", "mercado")

    assert [isinstance(answer, AliasQuotaExceeded) for answer in answers].count(False) == min(2, 100 - have)
    assert len(cloudfront.aliases) <= 100


def test_a_lost_answer_of_cloudfront_is_found_out(ask: Ask, cloudfront: FakeCloudFront) -> None:
    cloudfront.answer_lost = True
    ask(Distribution(CDN), "granja")

    assert ask(Distribution(CDN), "granja", claim=False) == [{"changed": True}]
    assert cloudfront.updates == 1


# --- the cache --------------------------------------------------------------------------------------------------------


def test_the_tenants_tags_are_invalidated_together_and_no_others(ask: Ask, cloudfront: FakeCloudFront) -> None:
    assert ask(EdgeCache(CACHE), "granja", "mercado") == [{"changed": True}] * 2

    (invalidation,) = cloudfront.invalidations.values()
    assert invalidation["Paths"]["Items"] == ["#tenant:granja", "#tenant:mercado"]


def test_the_same_content_is_invalidated_once(ask: Ask, cloudfront: FakeCloudFront) -> None:
    ask(EdgeCache(CACHE), "granja")

    assert ask(EdgeCache(CACHE), "granja", claim=False) == [{"changed": False}]
    assert len(cloudfront.invalidations) == 1


def test_a_later_run_of_the_same_content_is_another_invalidation(
    ask: Ask, cloudfront: FakeCloudFront, provisioning: Provisioning, tables: Tables
) -> None:
    ask(EdgeCache(CACHE), "granja")
    effect = provisioning.effects.of("granja", "edge_cache")
    assert effect
    provisioning.effects.start(replace(effect, state=EffectState.STARTED))  # as a repair does
    tables.provisioning.update_item(
        Key={"pk": "TENANT#granja", "sk": "TENANT"},
        UpdateExpression="ADD attempt :one",
        ExpressionAttributeValues={":one": 1},
    )

    assert ask(EdgeCache(CACHE), "granja", claim=False) == [{"changed": True}]
    assert len(cloudfront.invalidations) == 2, "CloudFront takes one reference for the same invalidation"


def test_too_many_invalidations_are_waited_for(ask: Ask, cloudfront: FakeCloudFront, virtual_time: VirtualTime) -> None:
    cloudfront.before = [refused("CreateInvalidation", "TooManyInvalidationsInProgress")]

    assert ask(EdgeCache(CACHE), "granja") == [{"changed": True}]
    assert virtual_time.waited


def test_a_tenant_alone_waits_for_no_company_and_a_trickle_shares_calls(
    ask: Ask, cloudfront: FakeCloudFront, virtual_time: VirtualTime
) -> None:
    writer = EdgeCache(CACHE)

    ask(writer, "granja")
    assert virtual_time.waited == []
    for tenant in ("mercado", "tienda", "bodega"):
        ask(writer, tenant)

    assert len(cloudfront.invalidations) == 4
    assert 2.5 < sum(virtual_time.waited) < 6, "three calls at once, then one in three seconds"


def test_no_more_tags_a_call_than_cloudfront_takes_in_a_second(ask: Ask, cloudfront: FakeCloudFront) -> None:
    few = CACHE.model_copy(update={"invalidations_per_second": 2})

    ask(EdgeCache(few), "granja", "mercado", "tienda")

    assert [len(each["Paths"]["Items"]) for each in cloudfront.invalidations.values()] == [2, 1]


# --- undone -----------------------------------------------------------------------------------------------------------


def test_what_was_created_is_deleted_and_forgotten(
    ask: Ask, route53: FakeRoute53, cloudfront: FakeCloudFront, lifecycle: Lifecycle, tables: Tables
) -> None:
    for writer in (HostedZone(DNS), Distribution(CDN)):
        ask(writer, "granja", claim=not tables.items())
    cloudfront.may_go = {f"granja.{BASE}"}
    lifecycle.roll_back("granja", "AccessDenied", stage="SeedDatabase", execution="execution-of-granja")

    answers = [ask(writer, "granja", claim=False) for writer in (HostedZone(DNS), Distribution(CDN))]

    assert answers == [[{"changed": True}], [{"changed": True}]]
    assert route53.records == {}
    assert cloudfront.aliases == [BASE, f"*.{BASE}"]
    assert [item for item in tables.items() if item["sk"].startswith("EFFECT")] == []
    assert {"DnsRecordsDeleted", "CnameDetached"} <= set(tables.events())


def test_undoing_what_was_never_done_is_no_call(
    ask: Ask, route53: FakeRoute53, cloudfront: FakeCloudFront, lifecycle: Lifecycle
) -> None:
    ask(Distribution(CDN), "granja")
    lifecycle.roll_back("granja", "AccessDenied", stage="CreateDnsRecords", execution="execution-of-granja")

    assert ask(HostedZone(DNS), "granja", claim=False) == [{"changed": False}]
    assert (route53.changes, route53.looks) == (0, 0)


def test_of_an_effect_that_may_have_happened_only_what_is_there_is_deleted(
    ask: Ask, route53: FakeRoute53, lifecycle: Lifecycle, tables: Tables
) -> None:
    route53.before = [refused("ChangeResourceRecordSets", "InternalError", status=500)]
    (lost,) = ask(HostedZone(DNS), "granja")
    assert isinstance(lost, ServiceUnavailable)
    route53.put(f"granja.{BASE}", "A", "192.0.2.7")
    foreign = dict(route53.records)
    lifecycle.roll_back("granja", "AccessDenied", stage="CreateDnsRecords", execution="execution-of-granja")

    assert ask(HostedZone(DNS), "granja", claim=False) == [{"changed": True}]
    assert route53.records == foreign
    assert route53.changes == 0


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_deletion_whose_answer_is_lost_is_found_out(
    ask: Ask, route53: FakeRoute53, lifecycle: Lifecycle, tables: Tables, lost: str
) -> None:
    ask(HostedZone(DNS), "granja")
    lifecycle.roll_back("granja", "AccessDenied", stage="SeedDatabase", execution="execution-of-granja")
    if lost == "before":
        route53.before = [refused("ChangeResourceRecordSets", "InternalError", status=500)]
    else:
        route53.answer_lost = True

    (first,) = ask(HostedZone(DNS), "granja", claim=False)
    (second,) = ask(HostedZone(DNS), "granja", claim=False)

    assert isinstance(first, ServiceUnavailable)
    assert second == {"changed": True}
    assert route53.records == {}


def test_one_tenant_goes_in_the_call_in_which_another_comes(
    ask: Ask, cloudfront: FakeCloudFront, lifecycle: Lifecycle, tables: Tables
) -> None:
    writer = Distribution(CDN.model_copy(update={"distribution_updates_per_second": 100}))
    ask(writer, "granja")
    lifecycle.roll_back("granja", "AccessDenied", stage="SeedDatabase", execution="execution-of-granja")
    tables.insert("mercado")
    lifecycle.claim("mercado", "execution-of-mercado")
    cloudfront.may_go = {f"granja.{BASE}"}

    assert ask(writer, "granja", "mercado", claim=False) == [{"changed": True}] * 2
    assert cloudfront.aliases == [BASE, f"*.{BASE}", f"mercado.{BASE}"]
    assert cloudfront.updates == 2
