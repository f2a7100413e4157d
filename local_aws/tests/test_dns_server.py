"""The name server: positive, negative and wildcard answers, over UDP and TCP."""

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from local_aws import loopback, propagation
from local_aws.services.route53.name_server import RecordView, ZoneView, serve
from local_aws.settings import Settings
from local_aws.tests.control_plane import BASE, ControlPlane, distribution

ZONE = f"{BASE}."
SOA = RecordView(ZONE, "SOA", 900, ("ns-1.awsdns-1.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400",))
NS = RecordView(ZONE, "NS", 172800, ("ns-1.awsdns-1.com.", "ns-2.awsdns-2.net."))


def alias(name, kind, target="e1.cloudfront.net."):
    return RecordView(f"{name}.{ZONE}", kind, None, (), target)


@pytest.fixture
def control_plane():
    return ControlPlane(
        views=[distribution("E1")],
        zone_list=[ZoneView("Z1", ZONE)],
        record_sets={
            "Z1": [
                SOA,
                NS,
                alias("apple", "A"),
                alias("apple", "AAAA"),
                alias("only-a", "A"),
                alias("gone", "A", "e9.cloudfront.net."),
                alias("copy", "A", f"apple.{ZONE}"),
                RecordView(f"www.{ZONE}", "CNAME", 60, (f"apple.{ZONE}",)),
                RecordView(f"away.{ZONE}", "CNAME", 60, ("example.com.",)),
                RecordView(f"loop.{ZONE}", "CNAME", 60, (f"loop.{ZONE}",)),
                RecordView(f"text.{ZONE}", "TXT", 60, ('"one" "two"', '"semi;colon"')),
                RecordView(f"*.wild.{ZONE}", "TXT", 60, ('"wild"',)),
                RecordView(f"exact.wild.{ZONE}", "A", 60, ("192.0.2.1",)),
                RecordView(f"a.deep.wild.{ZONE}", "A", 60, ("192.0.2.2",)),
                RecordView(f"many.{ZONE}", "TXT", 60, tuple(f'"{"x" * 200}{number}"' for number in range(10))),
            ]
        },
    )


@pytest.fixture
def server(control_plane, tmp_path):
    running = serve(Settings(state_dir=tmp_path, record_ttl=5), control_plane)
    yield running
    running.close()


@pytest.fixture
def ask(server):
    def ask(name, kind="A", via=dns.query.udp, **options):
        name = name if name.endswith(".") else f"{name}.{ZONE}"
        return via(dns.message.make_query(name, kind, **options), "127.0.0.1", port=server.port, timeout=3)

    return ask


def texts(answer):
    return sorted(item.to_text() for rrset in answer.answer for item in rrset)


@pytest.mark.parametrize("via", [dns.query.udp, dns.query.tcp])
def test_an_alias_to_a_distribution_answers_with_the_edges_address(ask, via):
    answer = ask("apple", via=via)
    assert texts(answer) == ["127.0.0.1"]
    assert answer.answer[0].ttl == 5
    assert answer.flags & dns.flags.AA
    assert not answer.flags & dns.flags.RA
    assert texts(ask("apple", "AAAA", via=via)) == (["::1"] if loopback.has_v6() else [])


def test_an_alias_to_another_name_of_the_zone_answers_what_that_answers(ask):
    assert texts(ask("copy")) == ["127.0.0.1"]


def test_a_name_without_the_wanted_type_is_no_data(ask):
    for name, kind in (("only-a", "AAAA"), ("apple", "TXT"), ("gone", "A"), ("deep.wild", "TXT"), ("wild", "A")):
        answer = ask(name, kind)
        assert (answer.rcode(), answer.answer) == (dns.rcode.NOERROR, []), name
        assert [rrset.rdtype for rrset in answer.authority] == [dns.rdatatype.SOA], name


def test_an_unknown_name_is_nxdomain_with_the_soa(ask):
    answer = ask("nobody")
    assert (answer.rcode(), answer.answer) == (dns.rcode.NXDOMAIN, [])
    assert answer.authority[0].name.to_text() == ZONE
    assert answer.authority[0].ttl == 900
    assert answer.flags & dns.flags.AA


def test_the_apex_has_soa_and_name_servers(ask):
    assert len(texts(ask(ZONE, "NS"))) == 2
    assert len(texts(ask(ZONE, "SOA"))) == 1
    assert ask(ZONE, "A").rcode() == dns.rcode.NOERROR


def test_a_cname_is_followed_inside_the_zone_only(ask):
    assert texts(ask("www")) == ["127.0.0.1", f"apple.{ZONE}"]
    assert texts(ask("www", "CNAME")) == [f"apple.{ZONE}"]
    assert texts(ask("away")) == ["example.com."]
    assert ask("loop").rcode() == dns.rcode.SERVFAIL


def test_text_keeps_its_parts(ask):
    assert texts(ask("text", "TXT")) == ['"one" "two"', '"semi;colon"']


def test_wildcards_cover_what_does_not_exist_below_their_closest_encloser(ask):
    assert texts(ask("x.wild", "TXT")) == ['"wild"']
    assert texts(ask("x.y.wild", "TXT")) == ['"wild"']
    assert ask("x.wild", "TXT").answer[0].name.to_text() == f"x.wild.{ZONE}"
    assert ask("exact.wild", "TXT").answer == []  # the name exists
    assert ask("b.deep.wild", "TXT").rcode() == dns.rcode.NXDOMAIN  # its closest encloser is deep.wild
    assert texts(ask("*.wild", "TXT")) == ['"wild"']


def test_names_ignore_case_and_the_answer_keeps_it(ask):
    answer = ask("aPPle")
    assert answer.answer[0].name.to_text() == f"aPPle.{ZONE}"


def test_other_peoples_names_are_refused(ask):
    for name in ("example.com.", "localhost.", f"x{ZONE}", "."):
        assert ask(name).rcode() == dns.rcode.REFUSED


def test_a_long_answer_is_cut_over_udp_and_whole_over_tcp(ask):
    assert ask("many", "TXT", use_edns=False).flags & dns.flags.TC
    assert len(texts(ask("many", "TXT", payload=4096))) == 10
    assert len(texts(ask("many", "TXT", via=dns.query.tcp))) == 10


def test_what_is_no_question_is_survived(server, ask):
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for junk in (b"", b"x", b"\x00" * 12, b"\xff" * 40):
            client.sendto(junk, ("127.0.0.1", server.port))
    assert texts(ask("apple")) == ["127.0.0.1"]


def test_a_change_shows_when_it_is_in_sync(monkeypatch, tmp_path):
    """Accepted at 0 s, answered from 1 s on."""
    now = [1000.0]
    monkeypatch.setattr(propagation.time, "time", lambda: now[0])
    propagation.configure(Settings(state_dir=tmp_path, insync_seconds=1.0))

    class Propagated(ControlPlane):
        def records(self, zone_id):
            return propagation.current("zone", zone_id) or ()

    propagation.accepted("zone", "ZCHANGED", lambda: (SOA,))
    running = serve(Settings(state_dir=tmp_path), Propagated(zone_list=[ZoneView("ZCHANGED", ZONE)]))
    try:
        query = dns.message.make_query(f"new.{ZONE}", "A")
        ask = lambda: dns.query.udp(query, "127.0.0.1", port=running.port, timeout=3)  # noqa: E731
        propagation.accepted("zone", "ZCHANGED", lambda: (SOA, RecordView(f"new.{ZONE}", "A", 5, ("192.0.2.9",))))
        now[0] += 0.9
        assert ask().rcode() == dns.rcode.NXDOMAIN
        now[0] += 0.2
        assert texts(ask()) == ["192.0.2.9"]
    finally:
        running.close()


def test_a_closed_name_server_can_be_followed_by_another_on_its_port(control_plane, tmp_path):
    first = serve(Settings(state_dir=tmp_path), control_plane)
    first.close()
    second = serve(Settings(state_dir=tmp_path, dns_port=first.port), control_plane)
    assert second.port == first.port
    second.close()
