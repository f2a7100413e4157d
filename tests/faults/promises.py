"""What must hold whatever happens: after each event, and when all is quiet. The reference model of the state machine.

The model of desired state is what people put last, and where strangers are; everything else is looked up.
"""

import datetime as dt
import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import duckdb

from tests.faults import leaving, template
from tests.faults.services import alias_record
from tests.faults.world import World

TENANTS = ("granja", "lagranja", "1agranja")
_TWIN = {"lagranja": "1agranja", "1agranja": "lagranja"}
INVALID = "gold"
"""A tier that no item may have."""
_STRANGERS_DISTRIBUTION = "E9STRANGER"
_STRANGERS_FILE = "LEAME.txt"
_LIVE = ("ACTIVE", "SUSPENDED")
_ENDS_BADLY = ("TenantOnboardingFailed", "TenantUpdateFailed", "TenantStalled", "TenantOffboardingFailed")
_ENDS_WELL = ("TenantActivated", "TenantUpdated", "TenantSuspended", "TenantResumed", "TenantOffboarded")
_TAKEN_BY_STRANGERS = {"record": "RecordBelongsToOthers", "alias": "AliasBelongsToOthers"}
# A state of OnboardTenant and what is on record as done before it begins.
_ONBOARDING = {
    "AttachCname": (),
    "CreateDnsRecords": ("cdn_aliases",),
    "SeedDatabase": ("cdn_aliases", "dns_records"),
    "InvalidateCache": ("cdn_aliases", "dns_records", "tenant_database"),
    "VerifyTenant": ("cdn_aliases", "dns_records", "tenant_database", "edge_cache"),
}
_AT_WORK = (*_ONBOARDING, "DiscardDatabase", "DeleteDnsRecords", "DetachCname", "ArchiveDatabase")


class People:
    """What people want, and what strangers have. items: as they were put last, None for none."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._times = 0
        self.items: dict[str, dict[str, Any] | None] = dict.fromkeys(TENANTS)
        self.strangers: dict[str, set[str]] = {tenant: set() for tenant in TENANTS}
        self.excuses: dict[str, set[str]] = {tenant: set() for tenant in TENANTS}
        """Why a tenant may have failed for good, as long as nobody asks again: errors by name."""
        for tenant in _TWIN:
            self.excuses[tenant].add("NameClaimedByOther")

    def put(self, tenant: str, spec: dict[str, Any]) -> None:
        self.items[tenant] = spec
        self._write(tenant)

    def ask_again(self, tenant: str) -> None:
        self._write(tenant)

    def _write(self, tenant: str) -> None:
        """Each write is another one, so that each leaves a record in the stream."""
        self._times += 1
        self._world.insert(tenant, **(self.items[tenant] or {}), requested_at=str(self._times))

    def remove(self, tenant: str) -> None:
        self.items[tenant] = None
        self._world.remove(tenant)

    def stranger_comes(self, tenant: str, what: str) -> None:
        """Unless the tenant has the thing already, which AWS or the file system then keeps from strangers."""
        world, host = self._world, self._world.host(tenant)
        if what == "record" and not any(name == host for name, _ in world.state.zone.records):
            world.state.zone.put(host, "A", "192.0.2.99")
        elif what == "alias" and not any(host in hosts for hosts in world.state.cloudfront.aliases.values()):
            world.state.cloudfront.attach_elsewhere(_STRANGERS_DISTRIBUTION, host)
        elif what == "file":
            (world.tenants_folder / tenant).mkdir(exist_ok=True)
            (world.tenants_folder / tenant / _STRANGERS_FILE).write_text("not yours")
        else:
            return
        self.strangers[tenant].add(what)
        if what in _TAKEN_BY_STRANGERS:
            self.excuses[tenant].add(_TAKEN_BY_STRANGERS[what])

    def strangers_leave(self, tenant: str) -> None:
        world, host = self._world, self._world.host(tenant)
        if "record" in self.strangers[tenant]:
            zone = world.state.zone
            zone._set({key: record for key, record in zone.records.items() if key[0] != host}, 0.0)
        if "alias" in self.strangers[tenant]:
            world.state.cloudfront.aliases[_STRANGERS_DISTRIBUTION].remove(host)
        if "file" in self.strangers[tenant]:
            (world.tenants_folder / tenant / _STRANGERS_FILE).unlink()
        self.strangers[tenant].clear()

    def forgive(self) -> None:
        """Everything that failed has been asked for again: only what is in the way now is an excuse."""
        for tenant in TENANTS:
            now = {_TAKEN_BY_STRANGERS[what] for what in self.strangers[tenant] if what in _TAKEN_BY_STRANGERS}
            is_outdone = tenant in _TWIN and claimed_by(self._world, tenant) == _TWIN[tenant]
            self.excuses[tenant] = now | ({"NameClaimedByOther"} if is_outdone else set())


class Watcher:
    """Looks after each event, and remembers who was ever live."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.live: dict[str, str] = {}
        """tenant → its database file."""
        self._leaving: set[str] = set()
        self.remember_what_is_foreign()

    def remember_what_is_foreign(self) -> None:
        """A stranger came or went, and that is not for us to say."""
        folder = self._world.tenants_folder
        strangers = [folder / tenant / _STRANGERS_FILE for tenant in TENANTS]
        others = [path for path in folder.rglob("*") if path.relative_to(folder).parts[0] not in TENANTS]
        self._files = [str(path) for path in others + strangers if path.is_file()]
        self._foreign = self._what_is_foreign()

    def look(self) -> None:
        """Raises AssertionError for the first promise that is broken."""
        assert self._what_is_foreign() == self._foreign, "something that is not ours has changed"
        for tenant in TENANTS:
            record = self._world.raw_record(tenant) or {}
            self._require_live(tenant, record)
            self._require_owned(tenant)
            self._require_turns(tenant, record)

    def _what_is_foreign(self) -> Any:
        """Cheap enough for every event: a file by its size and time."""
        state, ours = self._world.state, template.DISTRIBUTION
        zone = {
            (host, kind): record
            for (host, kind), record in state.zone.records.items()
            if "AliasTarget" not in record or _is_others(host)
        }
        aliases = {of: list(hosts) for of, hosts in state.cloudfront.aliases.items() if of != ours}
        aliases[ours] = [host for host in state.cloudfront.aliases[ours] if _is_others(host)]
        items = {
            key: item
            for key, item in self._world.table("ProvisioningTable").items.items()
            if item.get("tenant_id", {}).get("S") not in TENANTS
        }
        files = [(stat.st_size, stat.st_mtime_ns) for stat in map(os.stat, self._files)]
        return zone, aliases, items, files

    def _require_live(self, tenant: str, record: dict[str, Any]) -> None:
        """A live tenant has all that it needs, stays live unless it is removed, and keeps its rows all the same."""
        status, known = record.get("status", {}).get("S"), self.live.get(tenant)
        if status not in _LIVE:
            if status == "OFFBOARDING":
                self._leaving.add(tenant)
            assert known is None or tenant in self._leaving, f"{tenant} was live, and is {status}"
            if known and not (self._world.tenants_folder / known).exists():
                kept = self._world.archived(known.removesuffix(".duckdb"))
                assert kept, f"{known} is gone, and was never archived"
                del self.live[tenant]
            return
        self._leaving.discard(tenant)
        assert not (missing := list(missing_of(self._world, tenant))), f"{tenant} is live without {missing}"
        path = record["database_path"]["S"]
        assert self.live.setdefault(tenant, path) == path, f"the database of {tenant} is another one: {path}"

    def _require_owned(self, tenant: str) -> None:
        """What there is of a tenant was written down before it was made, and its name is the tenant's."""
        items = self._world.table("ProvisioningTable").items
        there = things_of(self._world, tenant)
        for system in there:
            assert (f"TENANT#{tenant}", f"EFFECT#{system}") in items, f"{tenant} has {system} and no intent"
        assert not there or claimed_by(self._world, tenant) == tenant, f"{tenant} has {there} and not its name"

    def _require_turns(self, tenant: str, record: dict[str, Any]) -> None:
        """One execution works on a tenant, the one with the lease, and no state begins before the last one is done."""
        holder = record.get("lease", {}).get("M", {}).get("holder", {}).get("S")
        items = self._world.table("ProvisioningTable").items
        for execution in self._world.machines.running:
            if execution.input["tenant_id"] != tenant or execution.state not in _AT_WORK:
                continue
            assert execution.arn == holder, f"{execution.name} is in {execution.state}, and {holder} has the lease"
            is_onboarding = execution.machine_arn.endswith("OnboardTenant")
            for system in _ONBOARDING.get(execution.state, ()) if is_onboarding else ():
                effect = items.get((f"TENANT#{tenant}", f"EFFECT#{system}"), {})
                assert effect.get("state") == {"S": "DONE"}, f"{execution.state} of {tenant} before {system} is done"


def _is_others(host: str) -> bool:
    return host.removesuffix(f".{template.BASE}") not in TENANTS


def things_of(world: World, tenant: str) -> list[str]:
    """The systems in which something of the tenant is, and is not a stranger's."""
    host, state = world.host(tenant), world.state
    records = [record for (name, _), record in state.zone.records.items() if name == host]
    files = [name for name in world.tenant_files(tenant) if name != _STRANGERS_FILE]
    there = {
        "dns_records": any("AliasTarget" in record for record in records),
        "cdn_aliases": host in state.cloudfront.aliases[template.DISTRIBUTION],
        "tenant_database": bool(files),
    }
    return [system for system, is_there in there.items() if is_there]


def missing_of(world: World, tenant: str) -> Iterator[str]:
    """What a live tenant needs and does not have."""
    host, state = world.host(tenant), world.state
    for kind in ("A", "AAAA"):
        if state.zone.records.get((host, kind)) != alias_record(host, kind, template.DISTRIBUTION_HOST):
            yield f"the {kind} record of {host}"
    if state.cloudfront.aliases[template.DISTRIBUTION].count(host) != 1:
        yield f"the alias {host}"
    if claimed_by(world, tenant) != tenant:
        yield "its name"
    path = (world.raw_record(tenant) or {}).get("database_path", {}).get("S")
    if not path or not (world.tenants_folder / path).is_file():
        yield f"its database {path}"


def claimed_by(world: World, tenant: str) -> str | None:
    """Who holds the name of a tenant, and all that look like it."""
    for (pk, sk), item in world.table("ProvisioningTable").items.items():
        if sk == "CLAIM" and pk == f"CLAIM#{_skeleton(tenant)}":
            return str(item["tenant_id"]["S"])
    return None


def _skeleton(tenant: str) -> str:
    return "lagranja" if tenant in _TWIN else tenant


def due_at(world: World) -> float | None:
    """When the last tenant is due that is due for something. Archives are looked for as long as they are there."""
    items = [item for (_, sk), item in world.table("ProvisioningTable").items.items() if sk == "TENANT"]
    due = [item["due_at"]["S"] for item in items if "due_at" in item]
    return max((dt.datetime.fromisoformat(moment).timestamp() for moment in due), default=None)


# --- when all is quiet ------------------------------------------------------------------------------------------------


def require_what_was_asked_for(world: World, people: People, seen: Watcher) -> None:
    """The last desired state holds, nothing is left of what failed, and every failure was told."""
    seen.look()
    wrong = [sentence for tenant in TENANTS for sentence in _wrong(world, people, seen, tenant)]
    taken = Counter(token for token, what in world.machines.answers if what == "taken")
    wrong += [f"{token} was answered {times} times with effect" for token, times in taken.items() if times > 1]
    wrong += _dead_letters(world)
    assert not wrong, "; ".join(wrong)


def _wrong(world: World, people: People, seen: Watcher, tenant: str) -> Iterator[str]:
    record, item = world.record(tenant), people.items[tenant]
    if not record:
        if item:
            yield f"nobody has heard of {tenant}"
        return
    if "lease" in record:
        yield f"{tenant} is still leased by {record['lease']['holder']}"
    if item is None:
        yield from _taken_down(world, people, tenant, record)
    elif record["operation"]["state"] == "FAILED" or item["tier"] == INVALID:
        yield from _failed_for_a_reason(world, people, tenant, record)
    else:
        yield from _as_asked(world, tenant, record, item)
    if tenant not in seen.live and record["operation"]["state"] == "FAILED":
        left = [name for name in world.left_over(tenant) if _is_ours(people, tenant, name)]
        if left or record["status"] != "FAILED":
            yield f"{_shown(tenant, record)}, and has {left}"
    yield from _told(world, tenant)


def _shown(tenant: str, record: dict[str, Any]) -> str:
    return f"{tenant} is {record['status']}, {record['operation']['state']}, {record.get('last_error')}"


def _failed_for_a_reason(world: World, people: People, tenant: str, record: dict[str, Any]) -> Iterator[str]:
    item, error = people.items[tenant], record.get("last_error", {}).get("code")
    excuses = {"InvalidTenantItem"} if item and item["tier"] == INVALID else people.excuses[tenant]
    if record["operation"]["state"] != "FAILED" or error not in excuses:
        yield f"{_shown(tenant, record)}, and not FAILED for one of {sorted(excuses)}"


def _taken_down(world: World, people: People, tenant: str, record: dict[str, Any]) -> Iterator[str]:
    """Its grace period is over. Of one that failed nothing was left before."""
    if record["status"] == "OFFBOARDED":
        foreign = tuple(name for name in world.left_over(tenant) if not _is_ours(people, tenant, name))
        file = _STRANGERS_FILE if "file" in people.strangers[tenant] else ""
        yield from leaving.is_gone(world, tenant, keeps_folder=file, foreign=foreign)
    elif record["status"] != "FAILED":
        yield f"{_shown(tenant, record)}, and its item is gone"


def _is_ours(people: People, tenant: str, name: str) -> bool:
    if name == f"file {_STRANGERS_FILE}":
        return False
    return not (name.endswith(" record") and "record" in people.strangers[tenant])


def _as_asked(world: World, tenant: str, record: dict[str, Any], item: dict[str, Any]) -> Iterator[str]:
    status = "SUSPENDED" if item["desired_state"] == "suspended" else "ACTIVE"
    if (record["operation"]["state"], record["status"]) != ("SUCCEEDED", status):
        yield f"{_shown(tenant, record)}, and not {status}"
        return
    if record["spec"] != {**item, "settings": {}}:
        yield f"{tenant} is {record['spec']}, and was to be {item}"
    yield from missing_of(world, tenant)
    with duckdb.connect(str(world.tenants_folder / record["database_path"]), read_only=True) as connection:
        rows = connection.execute("SELECT tenant_id, name, tier FROM tenants").fetchall()
    if rows != [(tenant, item["name"], item["tier"])]:
        yield f"the database of {tenant} holds {rows}, and was to hold {item}"
    if left := [name for name in world.tenant_files(tenant) if name.endswith((".partial", ".wal"))]:
        yield f"{tenant} has {left}"


def _told(world: World, tenant: str) -> Iterator[str]:
    """All events are on the bus, in their order; each failure is recorded and mailed."""
    recorded = [
        (record["dynamodb"]["ApproximateCreationDateTime"], record["dynamodb"]["NewImage"])
        for record in _first_ones(world.table("ProvisioningTable").stream)
        if record["dynamodb"]["Keys"]["pk"]["S"] == f"TENANT#{tenant}" and "event_id" in record["dynamodb"]["NewImage"]
    ]
    ids = [image["event_id"]["S"] for _, image in recorded]
    on_the_bus = list(dict.fromkeys(event["detail"]["metadata"]["id"] for event in world.events(tenant)))
    if on_the_bus != ids:
        yield f"the bus got {len(on_the_bus)} events of {tenant}, in another order or not all {len(ids)}"
    turns = [
        (at, image["type"]["S"], json.loads(image["detail"]["S"]))
        for at, image in recorded
        if image["type"]["S"] in ("TenantClaimed", *_ENDS_BADLY, *_ENDS_WELL)
    ]
    ends = [turn for turn in turns if turn[1] != "TenantClaimed"]
    for execution in world.executions(tenant):
        own = [kind for _, kind, detail in turns if _execution(detail) == execution.arn]
        # One that was stopped when its work was done, or while another one was at work, was no failure.
        is_done = (own and own[-1] in _ENDS_WELL) or any(at >= (execution.stopped or 0) for at, _, _ in ends)
        has_said = (own and own[-1] in _ENDS_BADLY) or (execution.status == "ABORTED" and is_done)
        if execution.status != "SUCCEEDED" and not has_said:
            yield f"{execution.name} has {execution.status}, and no record says so"
    mails = [mail.subject + mail.body for mail in world.state.topics.mails]
    for _, kind, detail in ends:
        stage = detail["data"]["stage"]
        if kind in _ENDS_BADLY and not any(tenant in text and stage in text for text in mails):
            yield f"nobody was mailed that {kind} in {stage} of {tenant}"


def _execution(detail: Any) -> str:
    return str(detail["metadata"]["execution_arn"])


def _first_ones(stream: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Records as they were written, without those that a test delivered once more."""
    seen: set[str] = set()
    for record in stream:
        if record["eventID"] not in seen and record["eventName"] != "REMOVE":
            seen.add(record["eventID"])
            yield record


def _dead_letters(world: World) -> list[str]:
    consumed = {source.source.queue for source in world.pollers}
    queues = world.state.queues.by_arn.items()
    return [f"{arn} holds {queue.messages}" for arn, queue in queues if queue.messages and arn not in consumed]
