"""The proof that opens one site for one minute."""

from hypothesis import given
from hypothesis import strategies as st

from tenancy.domain import probe_token

SECRET, HOST, NOW = b"secret", "granja.fluxionia.co", 1_800_000_000.0


def test_a_fresh_proof_opens_its_own_host() -> None:
    assert probe_token.verify(SECRET, HOST, probe_token.sign(SECRET, HOST, NOW), NOW + 30)


def test_a_proof_opens_no_other_host_with_no_other_secret_and_not_for_ever() -> None:
    proof = probe_token.sign(SECRET, HOST, NOW)

    assert not probe_token.verify(SECRET, "other.fluxionia.co", proof, NOW)
    assert not probe_token.verify(b"guess", HOST, proof, NOW)
    assert not probe_token.verify(SECRET, HOST, proof, NOW + 61)


def test_nobody_can_ask_for_a_long_life() -> None:
    assert not probe_token.verify(SECRET, HOST, probe_token.sign(SECRET, HOST, NOW, ttl=3600), NOW)


@given(st.text(max_size=200))
def test_nothing_else_is_a_proof(text: str) -> None:
    assert not probe_token.verify(SECRET, HOST, text, NOW)


@given(st.integers(0, 10**12), st.text("0123456789abcdef", min_size=64, max_size=64))
def test_a_guessed_digest_is_no_proof(expiry: int, digest: str) -> None:
    assert not probe_token.verify(SECRET, HOST, f"v1.{expiry}.{digest}", NOW)
