"""The tenants item: what is accepted, and how a refusal reads."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenancy.domain.errors import InvalidTenantItem
from tenancy.domain.item import TenantItem
from tenancy.domain.values import digest_of, shown

GOOD = {"tenant_id": "granja", "name": "La Granja Mercado"}


def refusal(**changes: object) -> str:
    with pytest.raises(InvalidTenantItem) as refused:
        TenantItem.parse(GOOD | changes)
    return str(refused.value)


def test_the_smallest_item_has_defaults() -> None:
    item = TenantItem.parse(GOOD)

    assert (item.desired_state, item.tier, item.settings, item.contact_email) == ("active", "standard", {}, None)


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"tenant_id": "www"}, ["tenant_id 'www'", "reserved"]),
        ({"tenant_id": Decimal(7)}, ["tenant_id 7", "must be a string"]),
        ({"name": Decimal(7)}, ["name 7", "must be a string (DynamoDB type S)"]),
        ({"name": ""}, ["name ''", "1 to 80 characters"]),
        ({"name": "x" * 81}, ["name 'xxx", "1 to 80 characters, and has 81"]),
        ({"name": "La\nGranja"}, ["name 'La\\nGranja'", "control characters"]),
        ({"name": "La \u202eGranja"}, ["name", "control characters"]),
        ({"name": " La Granja"}, ["name ' La Granja'", "begin or end with a space"]),
        ({"desired_state": "off"}, ["desired_state 'off'", "must be one of: active, suspended"]),
        ({"tier": "gold"}, ["tier 'gold'", "basic, standard, premium"]),
        ({"contact_email": "nobody"}, ["contact_email 'nobody'", "e-mail address"]),
        ({"settings": "x"}, ["settings 'x'", "must be a map"]),
        ({"settings": {"a": "x\x1b[2J"}}, ["settings", "control characters"]),
        ({"settings": {"a": "x" * 501}}, ["settings", "entry 'a'", "at most 500 characters, and has 501"]),
        ({"settings": {"a b": "x"}}, ["settings", "entry 'a b'", "a name consists of"]),
        ({"settings": {"a": ["x"]}}, ["settings", "entry 'a'", "a string, a number or a boolean"]),
        ({"domains": ["granja.example"]}, ["domains ['granja.example']", "not available in this edge mode"]),
    ],
)
def test_a_refusal_names_field_value_and_rule(changes: dict[str, object], parts: list[str]) -> None:
    message = refusal(**changes)

    assert all(part in message for part in parts), message


def test_a_missing_name_is_named() -> None:
    with pytest.raises(InvalidTenantItem, match="name is missing"):
        TenantItem.parse({"tenant_id": "granja"})


def test_every_broken_rule_is_reported_at_once() -> None:
    message = refusal(tenant_id="www", name="", tier="gold")

    assert message.count(";") == 2


def test_eighty_characters_are_a_good_name() -> None:
    assert TenantItem.parse(GOOD | {"name": "ñ" * 80}).name == "ñ" * 80


def test_unknown_attributes_are_ignored_and_named() -> None:
    raw = GOOD | {"colour": "red", "b": 1}

    assert TenantItem.parse(raw) == TenantItem.parse(GOOD)
    assert TenantItem.ignored_attributes(raw) == ["b", "colour"]


def test_asking_again_is_no_change_of_what_is_asked() -> None:
    once = TenantItem.parse(GOOD | {"requested_at": "2026-11-24T00:00:00Z", "requested_by": "ana"})
    again = TenantItem.parse(GOOD | {"requested_at": "2026-11-25T00:00:00Z", "requested_by": "eva"})

    assert digest_of(once.spec) == digest_of(again.spec)


@given(st.dictionaries(st.sampled_from(["colour", "locale", "beds"]), st.sampled_from(["a", Decimal(2), True])))
def test_the_digest_does_not_depend_on_the_order_of_settings(settings: dict[str, object]) -> None:
    turned = dict(reversed(settings.items()))

    one, other = (TenantItem.parse(GOOD | {"settings": each}) for each in (settings, turned))

    assert digest_of(one.spec) == digest_of(other.spec)


@given(st.text(max_size=300))
def test_a_shown_value_is_short_printable_ascii(text: str) -> None:
    value = shown(text)

    assert len(value) <= 80
    assert value.removesuffix("…").isascii()
    assert value.removesuffix("…").isprintable()
