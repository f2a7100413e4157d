"""Answer for the hosted zones as Route 53's name servers would: the name server of the embedded AWS.

Sources: RFC 1034 (answers, NXDOMAIN and NODATA), RFC 2308 (negative answers), RFC 4592 (wildcards),
Route 53 Developer Guide, "Choosing between alias and non-alias records".
"""

import logging
import struct
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dnslib import EDNS0, OPCODE, QTYPE, RCODE, RR, DNSError, DNSLabel, DNSRecord
from dnslib.server import DNSHandler, DNSLogger, DNSServer

from local_aws import loopback
from local_aws.settings import Settings

logger = logging.getLogger(__name__)

_CLASSIC_UDP_BYTES = 512
_MAX_UDP_BYTES = 4096
_MAX_CHAIN = 8  # CNAMEs and aliases followed before giving up


@dataclass(frozen=True)
class RecordView:
    """A record set. `name` is lower case, ends with a dot and has a literal `*`."""

    name: str
    type: str
    ttl: int | None
    values: tuple[str, ...] = ()
    alias_target: str | None = None
    """Target's DNS name with a final dot (a distribution's, or a name of the zone); None without an alias."""


@dataclass(frozen=True)
class ZoneView:
    """A hosted zone. `name` is lower case and ends with a dot."""

    id: str
    name: str
    private: bool = False


class Zones(Protocol):
    """The served zones: those of this process, or values in a test."""

    def zones(self) -> Sequence[ZoneView]:
        """Return all hosted zones."""

    def records(self, zone_id: str) -> Sequence[RecordView]:
        """Return the record sets of a zone that are in sync; none for a zone that is not (yet)."""

    def edge_names(self) -> Collection[str]:
        """Return the domain names, without final dot, that alias records may point at and that are the edge."""


@dataclass
class _Zone:
    """A zone, indexed by owner name and type; `existing` also holds the names in between (empty non-terminals)."""

    name: str
    sets: Mapping[tuple[str, str], RecordView]
    existing: frozenset[str]
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, zone: ZoneView, records: Sequence[RecordView]) -> "_Zone":
        existing = {zone.name}
        types: dict[str, list[str]] = {}
        for record in records:
            types.setdefault(record.name, []).append(record.type)
            name = record.name
            while name != zone.name and name.endswith(zone.name):
                existing.add(name)
                name = name.partition(".")[2]
        sets = {(record.name, record.type): record for record in records}
        return cls(zone.name, sets, frozenset(existing), {name: tuple(known) for name, known in types.items()})

    def owner(self, name: str) -> str | None:
        """Return the name whose records answer: itself, the wildcard at its closest encloser, or None (NXDOMAIN)."""
        if name in self.existing:
            return name
        encloser = name
        while encloser not in self.existing:
            encloser = encloser.partition(".")[2]
        wildcard = f"*.{encloser}"
        return wildcard if wildcard in self.existing else None


class Answerer:
    """An answerer of DNS questions.

    addresses: record type → address of the edge, or None where it has none.
    alias_ttl: seconds that answers made from alias records carry.
    """

    def __init__(self, zones: Zones, addresses: Mapping[str, str | None], alias_ttl: int) -> None:
        self._source, self._addresses, self._alias_ttl = zones, addresses, alias_ttl
        self._indexed: dict[str, tuple[Sequence[RecordView], _Zone]] = {}

    def resolve(self, request: DNSRecord, _: object = None) -> DNSRecord:
        """Return the reply to one query."""
        reply = request.reply(ra=0, aa=0)
        if request.header.opcode != OPCODE.QUERY or len(request.questions) != 1:
            reply.header.rcode = RCODE.NOTIMP
            return reply
        question = request.q
        asked = "".join(f"{label.decode('latin-1').lower()}." for label in question.qname.label) or "."
        zone = self._zone_for(asked)
        if zone is None or question.qclass != 1:  # 1: IN
            reply.header.rcode = RCODE.REFUSED
            return reply
        reply.header.aa = 1
        found = self._collect(reply, zone, asked, question.qname, QTYPE.get(question.qtype))
        if not reply.rr or found is not None:
            reply.header.rcode = found or RCODE.NOERROR
            self._add_soa(reply, zone)
        return reply

    def _collect(self, reply: DNSRecord, zone: _Zone, name: str, shown: DNSLabel, kind: str) -> int | None:
        """Add the answers for a name; return the code of a negative answer, None if there is one."""
        for _ in range(_MAX_CHAIN):
            owner = zone.owner(name)
            if owner is None:
                return RCODE.NXDOMAIN
            wanted = zone.types.get(owner, ()) if kind == "ANY" else (kind,)
            sets = [zone.sets[owner, one] for one in wanted if (owner, one) in zone.sets]
            for record in sets:
                reply.add_answer(*self._expand(zone, record, shown))
            if sets:
                return None if reply.rr else RCODE.NOERROR
            alias = zone.sets.get((owner, "CNAME"))
            if alias is None:
                return RCODE.NOERROR
            reply.add_answer(*self._expand(zone, alias, shown))
            name = f"{alias.values[0].lower().removesuffix('.')}."
            shown = DNSLabel(name)
            if not (name == zone.name or name.endswith(f".{zone.name}")):
                return None  # out of the zone: the resolver goes on from the CNAME
        return RCODE.SERVFAIL

    def _expand(self, zone: _Zone, record: RecordView, shown: DNSLabel, depth: int = 0) -> list[RR]:
        """Return a record set as resource records under the name that was asked for."""
        if record.alias_target is None:
            ttl = record.ttl if record.ttl is not None else self._alias_ttl
            return [_resource_record(shown, record.type, ttl, value) for value in record.values]
        target = record.alias_target
        if target.removesuffix(".") in self._source.edge_names():
            address = self._addresses.get(record.type)
            return [_resource_record(shown, record.type, self._alias_ttl, address)] if address else []
        owner = zone.owner(target) if target == zone.name or target.endswith(f".{zone.name}") else None
        behind = zone.sets.get((owner, record.type)) if owner else None
        return self._expand(zone, behind, shown, depth + 1) if behind and depth < _MAX_CHAIN else []

    def _add_soa(self, reply: DNSRecord, zone: _Zone) -> None:
        soa = zone.sets.get((zone.name, "SOA"))
        if soa is None:
            return
        minimum = int(soa.values[0].split()[-1])
        for record in self._expand(zone, soa, DNSLabel(zone.name)):
            record.ttl = min(record.ttl, minimum)
            reply.add_auth(record)

    def _zone_for(self, name: str) -> _Zone | None:
        """Return the public zone with the longest name above or at `name` that is in sync."""
        candidates = [
            zone
            for zone in self._source.zones()
            if not zone.private and (name == zone.name or name.endswith(f".{zone.name}"))
        ]
        for zone in sorted(candidates, key=lambda known: -len(known.name)):
            records = self._source.records(zone.id)
            if records:
                return self._index(zone, records)
        return None

    def _index(self, zone: ZoneView, records: Sequence[RecordView]) -> _Zone:
        known = self._indexed.get(zone.id)
        if known is None or (known[0] is not records and known[0] != records):
            known = self._indexed[zone.id] = (records, _Zone.of(zone, records))
        return known[1]


def _resource_record(name: DNSLabel, kind: str, ttl: int, text: str) -> RR:
    """Return one resource record from its value in zone file syntax."""
    record = RR.fromZone(f". {ttl} IN {kind} {text}")[0]
    record.rname = name
    return record


class _Handler(DNSHandler):
    """A handler that adds to dnslib's: EDNS, an answer to whatever fails, silence for what is no question."""

    def get_reply(self, data: bytes) -> bytes:
        """Return the packed reply. Raises DNSError for what is no DNS query, which gets none."""
        try:
            request = DNSRecord.parse(data)
        except (ValueError, IndexError, struct.error) as error:
            raise DNSError(str(error)) from error
        if request.header.qr:
            raise DNSError("an answer, not a question")
        try:
            reply = self.server.resolver.resolve(request)
        except Exception:
            logger.exception("no answer for %s", request.q)
            reply = request.reply(ra=0, aa=0)
            reply.header.rcode = RCODE.SERVFAIL
        limit = _CLASSIC_UDP_BYTES
        if option := next((record for record in request.ar if record.rtype == QTYPE.OPT), None):
            reply.add_ar(EDNS0(udp_len=_MAX_UDP_BYTES))
            limit = min(max(option.rclass, limit), _MAX_UDP_BYTES)
        packed: bytes = reply.pack()
        if self.protocol == "udp" and len(packed) > limit:
            # dnslib's own truncation drops the question and the option, without which clients do not ask over TCP.
            reply.header.tc, reply.rr, reply.auth = 1, [], []
            packed = reply.pack()
        return packed


class NameServer:
    """The running name server; `port` on the host, UDP and TCP."""

    def __init__(self, answerer: Answerer, port: int, host: str = loopback.V4) -> None:
        self._servers = _listening(answerer, host, port)
        self.port: int = self._servers[0].server.server_address[1]
        for server in self._servers:
            server.start_thread()

    def close(self) -> None:
        """Stop listening, end all threads, and return when done."""
        for server in self._servers:
            server.stop()
            server.server.server_close()


def _listening(answerer: Answerer, host: str, port: int) -> tuple[DNSServer, DNSServer]:
    """Return servers for UDP and TCP on one port number; port 0 looks for one that is free in both. Raises OSError."""
    silent = DNSLogger("none")
    for _ in range(50):
        udp = DNSServer(answerer, host, port, logger=silent, handler=_Handler)
        try:
            chosen = udp.server.server_address[1]
            return udp, DNSServer(answerer, host, chosen, tcp=True, logger=silent, handler=_Handler)
        except OSError:
            udp.server.server_close()
            if port:
                raise
    raise OSError("no port is free for both UDP and TCP")


def serve(settings: Settings, zones: Zones) -> NameServer:
    """Start the name server and return once it listens. Raises OSError if the wanted port is taken."""
    addresses = {"A": loopback.V4, "AAAA": loopback.V6 if loopback.has_v6() else None}
    return NameServer(Answerer(zones, addresses, settings.record_ttl), settings.dns_port, settings.host)
