"""Which names a tenant may have."""

import string

import pytest
from confusable_homoglyphs import confusables
from hypothesis import given
from hypothesis import strategies as st

from tenancy.domain import hostnames

ALPHABET = string.ascii_lowercase + string.digits + "-"

labels = st.text(ALPHABET, min_size=1, max_size=40)


@pytest.mark.parametrize("label", ["abc", "granja", "la-granja", "a1b", "3m-shop", "x" * 32])
def test_good_names_are_accepted(label: str) -> None:
    assert hostnames.broken_rule(label) is None


@pytest.mark.parametrize(
    ("label", "rule"),
    [
        ("", "3 to 32 characters"),
        ("ab", "3 to 32 characters"),
        ("x" * 33, "3 to 32 characters"),
        ("x" * 64, "3 to 32 characters"),
        ("Granja", "plain lower-case form"),
        ("\uff47ranja", "plain lower-case form"),
        ("granja.", "one DNS label"),
        ("gran.ja", "one DNS label"),
        ("-granja", "one DNS label"),
        ("granja-", "one DNS label"),
        ("gra_nja", "one DNS label"),
        ("***", "one DNS label"),
        ("../etc", "one DNS label"),
        ("gránja", "one DNS label"),
        ("granja\n", "one DNS label"),
        ("xn--granja", "third and fourth place"),
        ("ab--cd", "third and fourth place"),
        ("12345", "all digits"),
        ("www", "reserved for the platform"),
        ("origin", "reserved for the platform"),
        ("mta-sts", "reserved for the platform"),
        ("wpad", "reserved for the platform"),
        ("1ogin", "looks like the reserved name 'login'"),
        ("adrnin", "looks like the reserved name 'admin'"),
    ],
)
def test_bad_names_are_refused_with_the_rule_they_break(label: str, rule: str) -> None:
    broken = hostnames.broken_rule(label)

    assert broken is not None
    assert rule in broken.words
    assert not hostnames.is_valid_label(label)


@given(st.text(max_size=40))
def test_only_plain_dns_labels_get_through(text: str) -> None:
    if hostnames.is_valid_label(text):
        assert 3 <= len(text) <= 32
        assert set(text) <= set(ALPHABET)
        assert text[0] != "-" != text[-1]
        assert text not in hostnames.RESERVED


@given(labels)
def test_a_confusable_name_has_the_same_skeleton(label: str) -> None:
    for there, back in (("l", "1"), ("o", "0"), ("m", "rn")):
        assert hostnames.skeleton(label.replace(there, back)) == hostnames.skeleton(label)


def test_the_table_of_confusables_is_the_published_one() -> None:
    """Among the characters that a name may have, and pairs of them, confusables.txt knows exactly these."""
    known = confusables.confusables_data
    published = {
        frozenset((text, twin["c"].lower()))
        for text, twins in known.items()
        for twin in twins
        if set(text.lower()) <= set(ALPHABET)
        and set(twin["c"].lower()) <= set(ALPHABET)
        and text.islower() + text.isdigit()
    } - {frozenset(("l", "i"))}  # capital I looks like l; names are lower-case

    assert published == {frozenset(pair) for pair in (("1", "l"), ("0", "o"), ("rn", "m"))}
