"""What an item may ask for of where its rows come from."""

from typing import Any

import pytest

from tenancy.errors import InvalidTenantItem
from tenancy.model import TenantItem, digest_of

GOOD = {"archive": "granja/0186f2-g4", "asked_at": "2026-11-24T12:00:00.000Z"}


def parsed(**item: Any) -> TenantItem:
    return TenantItem.parse({"tenant_id": "granja", "name": "La Granja Mercado", **item})


def test_a_restore_is_part_of_what_is_asked_for() -> None:
    assert parsed(restore=GOOD).spec["restore"] == GOOD
    assert "restore" not in parsed().spec
    assert digest_of(parsed(restore=GOOD).spec) != digest_of(parsed().spec)


@pytest.mark.parametrize(
    ("restore", "rule"),
    [
        ("granja/1", "must be a map"),
        ({}, "must be a map"),
        ({"archive": "granja/1"}, "asked_at"),
        (GOOD | {"why": "x"}, "exactly"),
        (GOOD | {"archive": "vecina/1"}, "must begin with 'granja/'"),
        (GOOD | {"archive": "granja"}, "<tenant_id>/<name>"),
        (GOOD | {"archive": "granja/"}, "<tenant_id>/<name>"),
        (GOOD | {"archive": "granja/a/b"}, "<tenant_id>/<name>"),
        (GOOD | {"archive": "granja/../vecina"}, "<tenant_id>/<name>"),
        (GOOD | {"archive": "granja/.."}, "<tenant_id>/<name>"),
        (GOOD | {"archive": 7}, "must begin with"),
        (GOOD | {"asked_at": "yesterday"}, "must be a moment"),
        (GOOD | {"asked_at": "2026-11-24T12:00:00"}, "must be a moment"),
    ],
)
def test_a_restore_that_makes_no_sense_is_refused_by_name(restore: Any, rule: str) -> None:
    with pytest.raises(InvalidTenantItem, match=r"^restore ") as caught:
        parsed(restore=restore)

    assert rule in str(caught.value)


def test_of_a_bad_name_nothing_is_said_twice() -> None:
    with pytest.raises(InvalidTenantItem) as caught:
        TenantItem.parse({"tenant_id": "x", "name": "A", "restore": GOOD})

    assert str(caught.value).startswith("tenant_id")
    assert "restore" not in str(caught.value)
