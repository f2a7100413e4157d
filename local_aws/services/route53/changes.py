r"""Changes of a zone: what is refused, and when they are in sync.

AWS checks a batch as a whole and lists every fault in one InvalidChangeBatch; stores names in lower case and lists `*`
as `\052`; GetChange stays PENDING until the change has propagated; a zone has at most so many record sets.
Stock MiniStack: takes an apex CNAME, a CNAME beside other records, names outside the zone, bad values, records without
TTL and any number of changes; reports the first fault in words of its own; a change is in sync at the second look.

Source: docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html, …/DNSLimitations.html.
Different: record sets of a template are not checked; values are checked of A, AAAA, CNAME and TXT only; a zone's limit
of record sets is kept only with `--quotas`, and its words are a guess (AWS publishes none).

Upstream: in part: the faults of a batch, and names as AWS lists them; delays and what the name server is told are ours.
"""

from __future__ import annotations

import ipaddress
import math
import re
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from ministack.services import route53

from local_aws import patching, propagation
from local_aws.quotas import ZONE_BATCH_CHARACTERS, ZONE_BATCH_RECORDS
from local_aws.services.route53 import zones
from local_aws.settings import Settings

CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"
_ADDRESS = {"A": (ipaddress.IPv4Address, "4"), "AAAA": (ipaddress.IPv6Address, "6")}
_QUOTED = re.compile(r'("(\\.|[^"\\]){0,255}"\s*)+')
_OCTAL = re.compile(r"\\([0-7]{3})")

Record = dict[str, Any]
Change = tuple[str, Record]


def normalise_name(name: str) -> str:
    """Return it as Route 53 stores and lists it: lower case, final dot, `*` and other special characters as octal
    codes.
    """
    if not name:
        return name
    plain = _OCTAL.sub(lambda code: chr(int(code[1], 8)), name).lower()
    plain = plain if plain.endswith(".") else plain + "."
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else f"\\{ord(c) & 0xFF:03o}" for c in plain)


def faults(zone: str, current: Iterable[Record], changes: Iterable[Change], most: float = math.inf) -> list[str]:
    """Return everything that AWS refuses in a batch, in its words; empty if the batch can be applied.

    zone: the zone's name. current: its record sets. changes: (action, record set), applied in order. most: record sets
    that the zone may have.
    """
    changes = list(changes)
    weight = sum(
        (2 if action == "UPSERT" else 1) * max(len(rs.get("ResourceRecords", ())), 1) for action, rs in changes
    )
    characters = sum(len(value) for _, rs in changes for value in rs.get("ResourceRecords", ()))
    if weight > ZONE_BATCH_RECORDS:
        return [f"Number of records limit of {ZONE_BATCH_RECORDS} exceeded."]
    if characters > ZONE_BATCH_CHARACTERS:
        return [f"Number of characters limit of {ZONE_BATCH_CHARACTERS} exceeded."]
    found: list[str] = []
    records = {route53._rs_key(rs): rs for rs in current}
    before = len(records)
    for action, rs in changes:
        key = route53._rs_key(rs)
        label = f"[name='{rs['Name']}', type='{rs['Type']}']"
        there = records.get(key)
        if action == "DELETE":
            if problem := _deletion_fault(zone, there, rs, label):
                found.append(problem)
            else:
                del records[key]
        elif action == "CREATE" and there is not None:
            found.append(f"Tried to create resource record set {label} but it already exists")
        else:
            found += _value_faults(zone, rs)
            records[key] = rs
    found += _conflicts(zone, records, [rs for action, rs in changes if action != "DELETE"])
    if before < len(records) > most:
        found.append(f"Number of record sets limit of {most:g} exceeded in zone {zone}")
    return list(dict.fromkeys(found))


def _deletion_fault(zone: str, there: Record | None, rs: Record, label: str) -> str | None:
    if there is None:
        return f"Tried to delete resource record set {label} but it was not found"
    if route53._rs_values(there) != route53._rs_values(rs):
        problem = "but the values provided do not match the current values"
        return f"Tried to delete resource record set {label} {problem}"
    if rs["Name"] == zone and rs["Type"] in ("SOA", "NS"):
        return f"A HostedZone must contain exactly one {rs['Type']} record for the zone itself."
    return None


def _value_faults(zone: str, rs: Record) -> Iterable[str]:
    name, kind = rs["Name"], rs["Type"]
    if name != zone and not name.endswith(f".{zone}"):
        yield f"RRSet with DNS name {name} is not permitted in zone {zone}"
    elif kind == "CNAME" and name == zone:
        yield f"RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {zone}"
    if any(len(label) > 63 for label in name.split(".")):
        yield f"FATAL problem: DomainLabelTooLong (Domain label is too long) encountered with '{name}'"
    values = rs.get("ResourceRecords", ())
    for value in values:
        if kind in _ADDRESS and not _is_address(kind, value):
            version = _ADDRESS[kind][1]
            code = f"{kind}RRDATAIllegalIPv{version}Address"
            problem = f"FATAL problem: {code} (Value is not a valid IPv{version} address) encountered with '{value}'"
            yield f"Invalid Resource Record: '{problem}'"
        elif kind == "TXT" and not _QUOTED.fullmatch(value):
            reason = "InvalidCharacterString (Value should be enclosed in quotation marks)"
            yield f"Invalid Resource Record: 'FATAL problem: {reason} encountered with {value}'"
    for value in {value for value in values if list(values).count(value) > 1}:
        yield f"Duplicate Resource Record: '{value}'"
    if kind == "CNAME" and len(values) > 1:
        yield f"Invalid Resource Record: 'FATAL problem: A CNAME of {name} has one value'"
    alias = rs.get("AliasTarget")
    if alias and alias["HostedZoneId"] == CLOUDFRONT_ZONE and not alias["DNSName"].lower().endswith(".cloudfront.net."):
        target = f"{alias['DNSName']}, type {kind} in zone {CLOUDFRONT_ZONE}"
        problem = "but the alias target name does not lie within the target zone"
        yield f"Tried to create an alias that targets {target}, {problem}"


def _is_address(kind: str, value: str) -> bool:
    try:
        _ADDRESS[kind][0](value)
    except ValueError:
        return False
    return True


def _conflicts(zone: str, records: dict[Any, Record], written: list[Record]) -> Iterable[str]:
    """Return the faults of CNAMEs beside other records of their name, whichever came first."""
    types: dict[str, set[str]] = {}
    for rs in records.values():
        types.setdefault(rs["Name"], set()).add(rs["Type"])
    for rs in written:
        if "CNAME" in types.get(rs["Name"], ()) and len(types[rs["Name"]]) > 1:
            what = f"RRSet of type {rs['Type']} with DNS name {rs['Name']} is not permitted"
            if rs["Type"] == "CNAME":
                yield f"{what} as it conflicts with other records with the same DNS name in zone {zone}"
            else:
                there = "a conflicting RRSet of type CNAME with the same DNS name already exists"
                yield f"{what} because {there} in zone {zone}"


def _parse(body: bytes) -> list[Change] | None:
    """Return the request's changes; None leaves the refusal of a malformed request to MiniStack."""
    root = route53._parse_body(body)
    batch = route53._find(root, "ChangeBatch") if root is not None else None
    container = route53._find(batch, "Changes") if batch is not None else None
    if container is None:
        return None
    changes = []
    for element in route53._findall(container, "Change"):
        record = route53._find(element, "ResourceRecordSet")
        if record is None or not route53._text(record, "Name") or not route53._text(record, "Type"):
            return None
        changes.append((route53._text(element, "Action"), route53._parse_record_set(record)))
    return changes


def _change_resource_record_sets(original: Any, most: float) -> Any:
    def change_resource_record_sets(zone_id: str, body: bytes) -> Any:
        zone, changes = route53._zones.get(zone_id), _parse(body)
        if zone and changes:
            for action, rs in changes:
                if problem := form_fault(action, rs):
                    return route53._error_response("InvalidInput", problem)
            if found := faults(zone["name"], route53._records[zone_id], changes, most):
                return route53._error_response("InvalidChangeBatch", f"[{', '.join(found)}]")
        return original(zone_id, body)

    return change_resource_record_sets


def form_fault(action: str, rs: Record) -> str | None:
    """Return why a record set is neither an alias nor values with a TTL; None if it is one of them."""
    where = f"Change with [Action={action}, Name={rs['Name']}, Type={rs['Type']}, SetIdentifier=null]"
    expected = "Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]"
    plain = bool(rs.get("ResourceRecords")) or "TTL" in rs
    if "AliasTarget" in rs:
        return f"Invalid request: {expected}, but found more than one in {where}" if plain else None
    if not plain:
        return f"Invalid request: {expected}, but found none in {where}"
    missing = [field for field in ("TTL", "ResourceRecords") if not rs.get(field)]
    return f"Invalid request: Missing field '{missing[0]}' in {where}" if missing else None


def _get_change(insync_seconds: float) -> Any:
    def get_change(change_id: str) -> Any:
        change = route53._changes.get(change_id)
        if not change:
            return route53._error_response("NoSuchChange", f"A change with the ID {change_id} does not exist.", 404)
        in_sync = time.monotonic() >= change.setdefault("accepted", 0.0) + insync_seconds
        seen = {**change, "status": "INSYNC" if in_sync else "PENDING"}
        return route53._xml_response("GetChangeResponse", lambda root: route53._build_change_info_el(root, seen))

    return get_change


def _new_change(original: Any) -> Any:
    def new_change(comment: str = "") -> Any:
        change = original(comment)
        change["accepted"] = time.monotonic()
        return change

    return new_change


_Store: Any = type(route53._records)


class _Records(_Store):
    """A store of record sets which tells the data plane; CloudFormation writes it too."""

    def __setitem__(self, zone_id: str, records: list[Record]) -> None:
        super().__setitem__(zone_id, records)
        propagation.accepted("zone", zone_id, partial(zones.views, list(records)))

    def __delitem__(self, zone_id: str) -> None:
        super().__delitem__(zone_id)
        propagation.accepted("zone", zone_id, None)

    def pop(self, zone_id: str, *default: Any) -> Any:
        found = super().pop(zone_id, *default)
        propagation.accepted("zone", zone_id, None)
        return found


def install(settings: Settings) -> None:
    store = _Records()
    patching.replace(route53, "_records", lambda _: store)
    patching.replace(route53, "_normalise_name", lambda _: normalise_name, 'name if name.endswith(".") else name + "."')
    most = settings.quotas.zone_records if settings.quotas else math.inf
    patching.replace(
        route53,
        "_change_resource_record_sets",
        lambda original: _change_resource_record_sets(original, most),
        "_records[zone_id] = current",
    )
    patching.replace(route53, "_new_change", _new_change, '"status": "PENDING"')
    patching.replace(
        route53, "_get_change", lambda _: _get_change(settings.insync_seconds), 'change["status"] = "INSYNC"'
    )
