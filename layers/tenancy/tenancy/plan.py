"""What must change so that the shared systems are as the tenants need them. Values in, values out.

The workflow, a dry run, drift and repair use the same plans. Ownership is an input: it is proven by an intent
(STARTED) that the control plane wrote down before it acted, never by a likeness of names or targets.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field


@dataclass(frozen=True, order=True)
class Record:
    """One record set of the zone. ``value`` is the alias target, or the plain values, in one line."""

    host: str
    type: str
    value: str
    is_alias: bool = True


type RecordSet = frozenset[Record]
"""The records of one host."""


@dataclass(frozen=True)
class ZonePlan:
    """Changes of a zone. ``conflicts``: host → why nothing is done for it."""

    create: tuple[Record, ...] = ()
    delete: tuple[Record, ...] = ()
    conflicts: Mapping[str, str] = field(default_factory=dict)


def alias_records(host: str, target: str) -> RecordSet:
    """The two records of a tenant: IPv4 and IPv6 aliases of the distribution."""
    return frozenset(Record(host, kind, target) for kind in ("A", "AAAA"))


def plan_zone(desired: Mapping[str, RecordSet], observed: Mapping[str, RecordSet], owned: Set[str]) -> ZonePlan:
    """What must change so that each host has the records that its tenant should have.

    desired:  host → records to have, empty for none.
    observed: host → records found, empty for none. A host that was not looked at is absent, and taken to be empty.
    owned:    hosts that this control plane has started to write before. Anything found at another host is foreign.
    Returns creations and deletions, never a change of a record in place.
    """
    create: list[Record] = []
    delete: list[Record] = []
    conflicts: dict[str, str] = {}
    for host, wanted in desired.items():
        found = observed.get(host, frozenset())
        in_the_way = _in_the_way(wanted, found, host in owned)
        if in_the_way:
            conflicts[host] = ", ".join(f"{record.type} {record.value}" for record in sorted(in_the_way))
        elif wanted:
            create.extend(sorted(wanted - found))
        elif host in owned:
            delete.extend(sorted(record for record in found if record.is_alias))
    return ZonePlan(tuple(create), tuple(delete), conflicts)


def _in_the_way(wanted: RecordSet, found: RecordSet, is_ours: bool) -> set[Record]:
    types = {record.type for record in wanted}
    rivals = {record for record in found if wanted and (record.type in types or record.type == "CNAME")}
    return rivals - wanted if is_ours else rivals


@dataclass(frozen=True)
class AliasPlan:
    """The distribution's new aliases; the same as before when nothing is to do. ``conflicts``: foreign hosts."""

    aliases: tuple[str, ...]
    changed: bool
    conflicts: frozenset[str] = frozenset()
    over_quota: tuple[str, ...] = ()


def plan_aliases(current: Sequence[str], attach: Sequence[str], owned: Set[str], quota: int) -> AliasPlan:
    """The distribution's aliases with those of the tenants added.

    current: what the distribution has now. Its order is kept, and nothing is ever taken out here.
    attach:  hosts to add. One that is there and not owned is somebody else's.
    quota:   how many alternate domain names the distribution may have.
    """
    present = set(current)
    conflicts = frozenset(host for host in attach if host in present and host not in owned)
    new = [host for host in dict.fromkeys(attach) if host not in present]
    room = max(0, quota - len(current))
    return AliasPlan(
        aliases=(*current, *new[:room]),
        changed=bool(new[:room]),
        conflicts=conflicts,
        over_quota=tuple(new[room:]),
    )
