"""What an item may ask for of where its rows come from."""

from decimal import Decimal
from typing import Any

import pytest

from tenancy.domain.errors import InvalidTenantItem
from tenancy.domain.item import TenantItem
from tenancy.domain.values import digest_of

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


PROOF = {
    "database": "todos.duckdb",
    "tables": {"products": {"rows": Decimal(7), "sha256": "a" * 64}},
    "records": ["A", "AAAA"],
    "alias": True,
    "target": "d111.cloudfront.net",
}


def test_a_proof_is_part_of_what_is_asked_for_with_plain_numbers() -> None:
    found = parsed(adopt=PROOF).spec["adopt"]

    assert found == PROOF
    assert type(found["tables"]["products"]["rows"]) is int
    assert digest_of(found)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"database": "../x.duckdb"}, "database must be"),
        ({"database": "x"}, "database must be"),
        ({"database": ".x.duckdb"}, "database must be"),
        ({"database": None}, "database must be"),
        ({"tables": {}}, "tables must be"),
        ({"tables": []}, "tables must be"),
        ({"tables": {"a b": {"rows": 1, "sha256": "a" * 64}}}, "tables must be"),
        ({"tables": {"products": {"rows": -1, "sha256": "a" * 64}}}, "table products"),
        ({"tables": {"products": {"rows": True, "sha256": "a" * 64}}}, "table products"),
        ({"tables": {"products": {"rows": Decimal("1.5"), "sha256": "a" * 64}}}, "table products"),
        ({"tables": {"products": {"rows": 1, "sha256": "a" * 63}}}, "table products"),
        ({"tables": {"products": {"rows": 1}}}, "exactly"),
        ({"records": ["AAAA", "A"]}, "records must be"),
        ({"records": ["A", "A"]}, "records must be"),
        ({"records": ["CNAME"]}, "records must be"),
        ({"records": "A"}, "records must be"),
        ({"alias": "yes"}, "alias must be"),
        ({"target": "D111.cloudfront.net"}, "target must be"),
        ({"target": "d111.cloudfront.net."}, "target must be"),
        ({"more": 1}, "exactly"),
    ],
)
def test_a_proof_that_makes_no_sense_is_refused_by_name(change: dict[str, Any], rule: str) -> None:
    with pytest.raises(InvalidTenantItem, match=r"^adopt ") as caught:
        parsed(adopt=PROOF | change)

    assert rule in str(caught.value)
