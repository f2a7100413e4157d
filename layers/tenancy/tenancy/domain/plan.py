"""A plan says what must change so that the shared systems are as the tenants need them. Values in, values out.

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
    """Return the two records of a tenant: IPv4 and IPv6 aliases of the distribution."""
    return frozenset(Record(host, kind, target) for kind in ("A", "AAAA"))


def cache_tag(tenant_id: str) -> str:
    """Return the tag (header ``Cache-Tag``) of everything of a tenant that the edge may keep."""
    return f"tenant:{tenant_id}"


def plan_zone(
    desired: Mapping[str, RecordSet],
    observed: Mapping[str, RecordSet],
    owned: Set[str],
    retract: Mapping[str, RecordSet] | None = None,
) -> ZonePlan:
    """Return what must change so that each host has the records that its tenant should have.

    desired:  host → records to have.
    observed: host → records found, empty for none. A host that was not looked at is absent, and taken to be empty.
    owned:    hosts that this control plane has started to write before. Anything found at another host is foreign.
    retract:  host → records that this control plane may have created, and that are to go. Nothing else goes.
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
        else:
            create.extend(sorted(wanted - found))
    for host, ours in (retract or {}).items():
        if host in owned:
            delete.extend(sorted(observed.get(host, frozenset()) & ours))
    return ZonePlan(tuple(create), tuple(delete), conflicts)


def beyond_quota(wanted: Mapping[str, RecordSet], present: int, quota: int) -> frozenset[str]:
    """Return hosts whose records the zone has no room for, those that come first being served first.

    wanted:  host → records to have, in the order of their turn. present: how many records the zone has.
    """
    beyond = set()
    for host, records in wanted.items():
        if present + len(records) > quota:
            beyond.add(host)
        else:
            present += len(records)
    return frozenset(beyond)


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


def plan_aliases(
    current: Sequence[str], attach: Sequence[str], owned: Set[str], quota: int, detach: Set[str] = frozenset()
) -> AliasPlan:
    """Return the distribution's aliases with those of the tenants added, and those that are to go taken out.

    current: what the distribution has now. Its order is kept, and nothing goes but what is named.
    attach:  hosts to add. One that is there and not owned is somebody else's.
    owned:   hosts that this control plane has started to write before.
    quota:   how many alternate domain names the distribution may have.
    detach:  hosts to take out, those of them that are owned.
    """
    kept = [host for host in current if host not in detach or host not in owned]
    present = set(kept)
    conflicts = frozenset(host for host in attach if host in present and host not in owned)
    new = [host for host in dict.fromkeys(attach) if host not in present]
    room = max(0, quota - len(kept))
    return AliasPlan(
        aliases=(*kept, *new[:room]),
        changed=bool(new[:room]) or len(kept) < len(current),
        conflicts=conflicts,
        over_quota=tuple(new[room:]),
    )
