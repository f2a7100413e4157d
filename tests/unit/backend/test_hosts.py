import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backend.hosts import tenant_finder
from tenancy.domain import hostnames

BASE = "fluxionia.example"
find = tenant_finder(BASE)
labels = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{1,30}[a-z0-9])", fullmatch=True)


@pytest.mark.parametrize(
    "host",
    ["granja.{base}", "GRANJA.{base}", "gRanja.{base}", "granja.{base}.", "granja.{base}:443", "granja.{base}.:8080"],
)
@pytest.mark.parametrize("base", [BASE, BASE.upper()])
def test_case_port_and_trailing_dot_do_not_matter(host, base):
    assert find([host.format(base=base).encode()]) == "granja"


@pytest.mark.parametrize(
    "host",
    [
        b"", b".", b":", b"granja", BASE.encode(), b"." + BASE.encode(), b"granja.fluxionia.example..",
        b"granja..fluxionia.example", b"a.granja.fluxionia.example", b"granja.fluxionia.example.evil.example",
        b"granjafluxionia.example", b"granja.fluxioniaxexample", b"granja.fluxionia.example:",
        b"granja.fluxionia.example:x", b"granja.fluxionia.example:123456", b"granja.fluxionia.example:80:80",
        b" granja.fluxionia.example", b"granja.fluxionia.example ", b"granja.fluxionia.example\t",
        b"granja.fluxionia.example\n", b"granja\0.fluxionia.example", b"granja.fluxionia.example/",
        b"granja.fluxionia.example,vecino.fluxionia.example", b"user@granja.fluxionia.example",
        b"http://granja.fluxionia.example", b"[::1]", b"127.0.0.1", "ñandú.fluxionia.example".encode(),
        b"gr\xc3\xa4nja.fluxionia.example", "gran\u212aa.fluxionia.example".encode(),
        b"xn--nand-hqa.fluxionia.example", b"*.fluxionia.example", b"gr.fluxionia.example",
        b"a" * 33 + b".fluxionia.example", b"123.fluxionia.example", b"gran_ja.fluxionia.example",
        b"-granja.fluxionia.example", b"granja-.fluxionia.example", b"gr%61nja.fluxionia.example",
    ],
)  # fmt: skip
def test_whatever_is_no_tenants_host_is_nobodys(host):
    assert find([host]) is None


@pytest.mark.parametrize("label", ["origin", "www", "api", "admin", "0rigin", "app", "mta-sts"])
def test_the_platforms_own_hosts_are_no_tenants(label):
    assert find([f"{label}.{BASE}".encode()]) is None


def test_one_host_header_and_only_one():
    host = f"granja.{BASE}".encode()
    assert find([]) is None
    assert find([host, host]) is None
    assert find([host, b"vecino.fluxionia.example"]) is None


@given(st.binary(max_size=80))
@example(b"granja.fluxionia.example")
def test_no_bytes_at_all_raise_or_give_a_name_that_no_tenant_can_have(host):
    found = find([host])
    assert found is None or hostnames.is_valid_label(found)


@given(labels, st.sampled_from(["", "."]), st.sampled_from(["", ":1", ":65535"]), st.data())
def test_the_name_that_is_found_is_the_name_that_was_sent(label, dot, port, data):
    text = f"{label}.{BASE}{dot}{port}"
    flips = data.draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    host = "".join(char.upper() if flip else char for char, flip in zip(text, flips, strict=True))
    assert find([host.encode()]) == (label if hostnames.is_valid_label(label) else None)


@given(st.text(string.printable, min_size=1, max_size=3), st.integers(0, 30))
def test_a_host_that_was_tampered_with_never_becomes_another_tenants(inserted, position):
    text = f"granja.{BASE}"
    host = text[:position] + inserted + text[position:]
    found = find([host.encode()])
    assert found is None or host.lower().startswith(f"{found}.{BASE}")
