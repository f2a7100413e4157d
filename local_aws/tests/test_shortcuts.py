"""What MiniStack repeats in every call and is done once here gives the same answers."""

import copy
from collections import defaultdict

import pytest

from local_aws.services.shortcuts import copied

ITEM = {"pk": {"S": "SHOP#apple"}, "n": {"N": "1"}, "spec": {"M": {"tags": {"L": [{"S": "a"}, {"NULL": True}]}}}}


@pytest.mark.parametrize("value", [ITEM, [ITEM, None, b"bytes", 1.5], defaultdict(list, a=[1]), {"set": {1, 2}}])
def test_a_copy_is_equal_and_of_the_same_kind(value: object) -> None:
    assert copied(value) == copy.deepcopy(value)
    assert type(copied(value)) is type(value)


def test_a_copy_shares_nothing_that_can_change() -> None:
    made = copied(ITEM)

    made["spec"]["M"]["tags"]["L"].append({"S": "b"})
    made["n"]["N"] = "2"

    assert ITEM["n"] == {"N": "1"}
    assert len(ITEM["spec"]["M"]["tags"]["L"]) == 2
