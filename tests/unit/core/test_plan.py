"""Plans: what must change, and what must be left alone."""

from hypothesis import given
from hypothesis import strategies as st

from tenancy.domain.plan import Record, alias_records, plan_aliases, plan_zone

HOST, TARGET = "granja.fluxionia.co", "d111.cloudfront.net"
OURS = alias_records(HOST, TARGET)
NOTHING = frozenset[Record]()


def test_an_empty_zone_gets_both_records() -> None:
    plan = plan_zone({HOST: OURS}, {}, owned=set())

    assert [record.type for record in plan.create] == ["A", "AAAA"]
    assert not plan.delete
    assert not plan.conflicts


def test_what_is_already_right_and_ours_needs_nothing() -> None:
    plan = plan_zone({HOST: OURS}, {HOST: OURS}, owned={HOST})

    assert not plan.create
    assert not plan.conflicts


def test_half_of_ours_is_completed() -> None:
    ipv4 = frozenset(record for record in OURS if record.type == "A")

    plan = plan_zone({HOST: OURS}, {HOST: ipv4}, owned={HOST})

    assert [record.type for record in plan.create] == ["AAAA"]


def test_a_likeness_is_no_proof_of_ownership() -> None:
    plan = plan_zone({HOST: OURS}, {HOST: OURS}, owned=set())

    assert not plan.create
    assert list(plan.conflicts) == [HOST]


def test_another_address_is_never_replaced_even_if_the_host_is_ours() -> None:
    foreign = frozenset({Record(HOST, "A", "192.0.2.7", is_alias=False)})

    plan = plan_zone({HOST: OURS}, {HOST: foreign}, owned={HOST})

    assert not plan.create
    assert not plan.delete
    assert "192.0.2.7" in plan.conflicts[HOST]


def test_a_cname_is_in_the_way_of_every_record() -> None:
    foreign = frozenset({Record(HOST, "CNAME", "shop.example", is_alias=False)})

    assert list(plan_zone({HOST: OURS}, {HOST: foreign}, owned=set()).conflicts) == [HOST]


def test_a_text_record_of_others_is_not_in_the_way() -> None:
    foreign = frozenset({Record(HOST, "TXT", '"proof"', is_alias=False)})

    plan = plan_zone({HOST: OURS}, {HOST: foreign}, owned=set())

    assert len(plan.create) == 2
    assert not plan.delete


def test_only_what_is_ours_is_deleted() -> None:
    foreign = frozenset({Record(HOST, "TXT", '"proof"', is_alias=False)})

    mine = plan_zone({}, {HOST: OURS | foreign}, owned={HOST}, retract={HOST: OURS})
    theirs = plan_zone({}, {HOST: OURS}, owned=set(), retract={HOST: OURS})

    assert set(mine.delete) == OURS
    assert not theirs.delete


def test_an_alias_that_leads_elsewhere_is_nobodys_to_delete() -> None:
    elsewhere = frozenset({Record(HOST, "A", "other.cloudfront.net")})

    plan = plan_zone({}, {HOST: elsewhere}, owned={HOST}, retract={HOST: OURS})

    assert not plan.delete
    assert not plan.conflicts


def test_one_tenant_comes_while_another_goes() -> None:
    other = "mercado.fluxionia.co"
    theirs = alias_records(other, "d111.cloudfront.net")

    plan = plan_zone({HOST: OURS}, {other: theirs}, owned={HOST, other}, retract={other: theirs})

    assert (set(plan.create), set(plan.delete)) == (OURS, theirs)


hosts = st.lists(st.sampled_from([f"t{number}.fluxionia.co" for number in range(12)]), unique=True)


@given(current=hosts, attach=hosts, owned=st.sets(st.sampled_from([f"t{n}.fluxionia.co" for n in range(12)])))
def test_aliases_are_only_ever_added(current: list[str], attach: list[str], owned: set[str]) -> None:
    plan = plan_aliases(current, attach, owned, quota=100)

    assert list(plan.aliases[: len(current)]) == current
    assert set(plan.aliases) == set(current) | set(attach)
    assert plan.changed == (set(attach) > set() and not set(attach) <= set(current))
    assert plan.conflicts == (set(attach) & set(current)) - owned


@given(
    current=hosts, attach=hosts, detach=hosts, owned=st.sets(st.sampled_from([f"t{n}.fluxionia.co" for n in range(12)]))
)
def test_only_what_is_named_and_ours_goes(
    current: list[str], attach: list[str], detach: list[str], owned: set[str]
) -> None:
    leaving = set(detach) - set(attach)

    plan = plan_aliases(current, attach, owned, quota=100, detach=leaving)

    assert set(current) - set(plan.aliases) == leaving & owned & set(current)
    assert set(plan.aliases) - set(current) == set(attach) - set(current)
    assert plan.changed == (set(plan.aliases) != set(current))


@given(current=hosts, attach=hosts, quota=st.integers(0, 15))
def test_the_quota_is_never_passed(current: list[str], attach: list[str], quota: int) -> None:
    plan = plan_aliases(current, attach, set(attach), quota=quota)

    assert len(plan.aliases) <= max(quota, len(current))
    assert set(plan.aliases) | set(plan.over_quota) == set(current) | set(attach)
