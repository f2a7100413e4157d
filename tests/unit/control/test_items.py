"""What is written of an item: what was given, exactly, and only on what was read."""

import json

from control.items import Item, change
from tenancy.domain.item import TenantItem

RAW = {
    "tenant_id": {"S": "granja"},
    "name": {"S": "La Granja"},
    "settings": {"M": {"n": {"N": "1.50"}, "tags": {"SS": ["b", "a"]}, "old": {"S": "x"}}},
}


def written(item, changed):
    """Attributes that the expressions set, as DynamoDB is given them, and those that they take away."""
    found = change(item, changed)
    names, values = found["ExpressionAttributeNames"], found["ExpressionAttributeValues"]
    sets, _, removes = found["UpdateExpression"].partition("REMOVE ")
    pairs = (pair.split(" = ") for pair in sets.removeprefix("SET ").strip().split(", ") if pair)
    return {names[name]: values[value] for name, value in pairs}, [names[name] for name in removes.split(", ") if name]


def test_what_stays_of_a_map_is_written_as_it_was_read():
    settings = Item(RAW).values["settings"] | {"old": "y", "new": 0.1}

    sets, removes = written(Item(RAW), {"settings": settings})

    entries = RAW["settings"]["M"] | {"old": {"S": "y"}, "new": {"N": "0.1"}}
    assert (sets, removes) == ({"settings": {"M": entries}}, [])


def test_an_empty_map_and_nothing_both_take_an_attribute_away():
    assert written(Item(RAW), {"settings": {}, "contact_email": None}) == ({}, ["contact_email", "settings"])


def test_no_and_zero_are_values():
    sets, _ = written(Item(RAW), {"settings": {"off": False, "zero": 0}})

    assert sets == {"settings": {"M": {"off": {"BOOL": False}, "zero": {"N": "0"}}}}


def test_every_attribute_must_be_as_it_was_read_and_every_other_one_missing():
    found = change(Item(RAW), {"name": "B"})
    names = found["ExpressionAttributeNames"]
    conditions = found["ConditionExpression"].split(" AND ")

    assert set(names.values()) == {*RAW, *TenantItem.model_fields} - {"tenant_id"}
    assert len(conditions) == 1 + len(names)
    missing = {names[each[21:-1]] for each in conditions if each.startswith("attribute_not_exists(")}
    assert missing == set(names.values()) - set(RAW)


def test_an_item_is_shown_as_json_can_say_it():
    shown = Item(RAW | {"blob": {"B": b"\x00"}, "numbers": {"NS": ["2", "1.5"]}}).values

    assert json.loads(json.dumps(shown)) == {
        "tenant_id": "granja",
        "name": "La Granja",
        "settings": {"n": 1.5, "tags": ["a", "b"], "old": "x"},
        "blob": "AA==",
        "numbers": [1.5, 2],
    }


def test_a_mark_changes_with_a_number_that_python_takes_for_the_same():
    other = RAW | {"settings": {"M": {"n": {"N": "1.5"}}}}

    assert Item(RAW).etag == Item(dict(RAW)).etag != Item(other).etag
