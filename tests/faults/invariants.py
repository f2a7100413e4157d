"""What must be true when all is quiet again, whatever went wrong: the rows of the failure modes, as checks.

Each check returns sentences about what is wrong, each beginning with the name of what it counts as.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from tests.faults import drifting, leaving, template
from tests.faults.points import Crossing
from tests.faults.services import alias_record
from tests.faults.world import World

_ENDS_WELL = ("TenantActivated", "TenantUpdated", "TenantSuspended", "TenantResumed", "TenantOffboarded")
_ENDS_BADLY = (
    "TenantOnboardingFailed",
    "TenantUpdateFailed",
    "TenantStalled",
    "TenantRollbackIncomplete",
    "TenantOffboardingFailed",
)
_READS = ("Get", "BatchGet", "Query", "Scan", "List", "Describe", "Invoke", "Publish", "PutEvents", "Send", "Start")
# One update, one change batch, one invalidation for a tenant: what the account's quotas are spent on.
CONTENDED = ("ChangeResourceRecordSets", "UpdateDistribution", "CreateInvalidation")
_SAME_TWICE = ("CreateInvalidation", "PutObject")
_OF_A_STAGE = 3  # writes to the control plane's own tables


@dataclass(frozen=True)
class Before:
    """What stood when the fault was still to come."""

    foreign: str
    zone: Mapping[tuple[str, str], Any]
    aliases: Mapping[str, list[str]]
    told: frozenset[str]
    mails: int

    @classmethod
    def of(cls, world: World, tenant: str) -> "Before":
        """Without what is the tenant's own by then: a roll-back takes that away too."""
        state, host = world.state, world.host(tenant)
        is_ours = any(item["sk"].startswith("EFFECT#") for item in world.items(tenant))
        zone = {key: record for key, record in state.zone.records.items() if not (is_ours and key[0] == host)}
        aliases = {
            distribution: [alias for alias in hosts if not (is_ours and alias == host)]
            for distribution, hosts in state.cloudfront.aliases.items()
        }
        told = frozenset(item["event_id"] for item in world.outbox(tenant))
        return cls(world.foreign(tenant), zone, aliases, told, len(state.topics.mails))


def violations(world: World, tenant: str, before: Before, ends: tuple[str, ...]) -> list[str]:
    """Everything that is wrong with a world at rest. ends: as in a Scenario, each one that is allowed."""
    record = world.record(tenant)
    state, status = record.get("operation", {}).get("state"), record.get("status")
    found = list(_at_rest(world, tenant))
    is_held = state == "HELD" and "HELD" in ends and status == "ACTIVE"
    # Of a removal or a suspension only one that has failed, and says so, leaves the tenant as it was.
    is_live = status in ("ACTIVE", "SUSPENDED") and (status == ends[0] or (status in ends and state == "FAILED"))
    if is_held or (is_live and state != "HELD"):
        found += _is_whole(world, tenant)
    elif status == "OFFBOARDED" and "OFFBOARDED" in ends:
        found += leaving.is_gone(world, tenant)
    elif status == "FAILED" and "FAILED" in ends:
        found += _is_clean(world, tenant, before)
    else:
        found.append(f"converged: {tenant} is {status}, {state}: {record.get('last_error')}, and not {ends}")
    if world.foreign(tenant) != before.foreign:
        found.append("foreign: something that is not ours has changed")
    if status != "FAILED":  # a foreign record or alias, which made it fail, is no drift of the tenant's
        found += [f"drift: {what}" for what in drifting.findings(world, tenant)]
    return [*found, *_told(world, tenant), *_mailed(world, tenant, before)]


def _at_rest(world: World, tenant: str) -> Iterator[str]:
    record = world.record(tenant)
    if world.machines.running:
        yield f"converged: {[execution.name for execution in world.machines.running]} still run"
    if "lease" in record:
        yield f"orphans: the lease of {record['lease']['holder']}"
    if record.get("operation", {}).get("state") in ("RUNNING", "ROLLING_BACK"):
        yield f"converged: the operation is {record['operation']['state']}"
    for name in world.tenant_files(tenant):
        if name.endswith((".partial", ".wal")):
            yield f"orphans: the temporary file {name}"
    taken = Counter(token for token, what in world.machines.answers if what == "taken")
    for token, times in taken.items():
        if times > 1:
            yield f"converged: {token} was answered {times} times with effect"


def _is_whole(world: World, tenant: str) -> Iterator[str]:
    """A live tenant has everything that a live tenant needs, and has it once.

    A change of it that has failed may have come half-way: its intents stand, for the run that will finish it.
    """
    is_done = world.record(tenant)["operation"]["state"] != "FAILED"
    host, state = world.host(tenant), world.state
    for kind in ("A", "AAAA"):
        if state.zone.records.get((host, kind)) != alias_record(host, kind, template.DISTRIBUTION_HOST):
            yield f"missing: the {kind} record of {host}"
    if state.cloudfront.aliases[template.DISTRIBUTION].count(host) != 1:
        yield f"missing: the alias {host}"
    claims = [name for name in world.left_over(tenant) if name.startswith("CLAIM#")]
    if len(claims) != 1:
        yield f"missing: one claim, and not {claims}"
    effects = {item["sk"] for item in world.items(tenant) if item["sk"].startswith("EFFECT#")}
    if len(effects) != 4:
        yield f"missing: four effects, and not {sorted(effects)}"
    for item in world.items(tenant):
        if is_done and item["sk"].startswith("EFFECT#") and item["state"] != "DONE":
            yield f"orphans: {item['sk']} is {item['state']}"
    yield from _database(world, tenant, is_done)


def _database(world: World, tenant: str, is_done: bool) -> Iterator[str]:
    """One file, the one that the pointer and the record name, with the rows that the record's spec asks for."""
    folder, record = world.tenants_folder / tenant, world.record(tenant)
    files = [name for name in world.tenant_files(tenant) if name.endswith(".duckdb")]
    pointer = folder / "current"
    current = pointer.read_text().strip() if pointer.exists() else None
    # A restore that has failed at its very end is published, and not on record as done.
    known = {record.get("database_path"), None if is_done else (record.get("restoring") or {}).get("database")}
    if files != [current] or f"{tenant}/{current}" not in known:
        yield f"missing: the database: {files}, the pointer names {current}, the record {record.get('database_path')}"
        return
    with duckdb.connect(str(folder / current), read_only=True) as connection:
        rows = connection.execute("SELECT tenant_id, name, tier FROM tenants").fetchall()
    wanted = (tenant, record["spec"]["name"], record["spec"]["tier"])
    if len(rows) != 1 or (is_done and rows != [wanted]):
        yield f"missing: the configuration: {rows}, and not {wanted}"
    if is_done and (asked := record["spec"].get("restore")):
        found, kept = leaving.rows_of(world, tenant), world.archived(asked["archive"])
        if record.get("restored") != asked or found != kept:
            yield f"missing: the rows of {asked['archive']}: {found}, and not {kept}"
    item = world.item(tenant)
    if is_done and item and item["name"] != record["spec"]["name"]:
        yield f"converged: the item says {item['name']!r}, and the record {record['spec']['name']!r}"


def _is_clean(world: World, tenant: str, before: Before) -> Iterator[str]:
    """Of a tenant that failed nothing is left, and what was there before it is there."""
    state = world.state
    if state.zone.records != before.zone:
        yield f"orphans: the zone has changed: {sorted(set(state.zone.records) ^ set(before.zone))}"
    if state.cloudfront.aliases != before.aliases:
        yield f"orphans: aliases have changed: {state.cloudfront.aliases}"
    files = [f"file {name}" for name in world.tenant_files(tenant)]
    items = [name for name in world.left_over(tenant) if name.startswith(("EFFECT#", "CLAIM#"))]
    for name in files + items:
        yield f"orphans: {name}"


def _told(world: World, tenant: str) -> Iterator[str]:
    """Every run has ended once, and the bus knows all that the outbox holds, in order."""
    outbox, bus = world.outbox(tenant), world.events(tenant)
    ends: Counter[tuple[int, str]] = Counter()
    for item in outbox:
        if item["type"] in _ENDS_WELL + _ENDS_BADLY:
            ends[_run(item)] += 1
    for run, times in ends.items():
        if times > 1:
            yield f"converged: run {run} ended {times} times"
    ids = [event["detail"]["metadata"]["id"] for event in bus]
    if lost := [item["type"] for item in outbox if item["event_id"] not in ids]:
        yield f"lost: the bus never got {lost}"
    if set(ids) - {item["event_id"] for item in outbox}:
        yield "lost: the bus got what is not on record"
    first = list(dict.fromkeys(ids))
    order = [item["event_id"] for item in sorted(outbox, key=lambda item: item["occurred_at"])]
    if first != order and not lost:
        yield "converged: the bus got the events in another order"


def _run(item: Mapping[str, Any]) -> tuple[int, str]:
    _, generation, attempt, *_ = item["sk"].split("#")
    return int(generation), attempt


def _mailed(world: World, tenant: str, before: Before) -> Iterator[str]:
    """Every failure is on record and in the mailbox."""
    ends = [
        (item["type"], json.loads(item["detail"]))
        for item in world.outbox(tenant)
        if item["type"] in _ENDS_WELL + _ENDS_BADLY
    ]
    failures = [(kind, detail) for kind, detail in ends if kind in _ENDS_BADLY]
    # One that had come to its end, and was stopped on its way out, has nothing more to say.
    recorded = {detail["metadata"]["execution_arn"] for _, detail in ends}
    for execution in world.executions(tenant):
        if execution.status in ("FAILED", "TIMED_OUT", "ABORTED") and execution.arn not in recorded:
            yield f"lost: {execution.name} has {execution.status} and no record says so"
    mails = [mail.subject + mail.body for mail in world.state.topics.mails[before.mails :]]
    for kind, detail in failures:
        stage = detail["data"]["stage"]
        if detail["metadata"]["id"] not in before.told and not any(tenant in text and stage in text for text in mails):
            yield f"lost: nobody was mailed that {kind} in {stage}"


def mutations(trace: Sequence[Crossing]) -> Counter[str]:
    """Calls that changed something in a service, by operation. The same invalidation, or object, counts once."""
    made = [
        crossing
        for crossing in trace
        if crossing.applied
        and crossing.place.service not in ("files", "engine", "dns", "https")
        and not crossing.place.operation.startswith(_READS)
    ]
    once = {(operation, detail): 1 for operation, detail in _calls(made) if operation in _SAME_TWICE}
    found = Counter(operation for operation, _ in _calls(made) if operation not in _SAME_TWICE)
    return found + Counter(operation for operation, _ in once)


def _calls(made: Sequence[Crossing]) -> Iterator[tuple[str, str]]:
    return ((crossing.place.operation, crossing.detail) for crossing in made)


def extra_mutations(trace: Sequence[Crossing], without: Counter[str], faults: int, *, is_passing: bool) -> list[str]:
    """Operations that were carried out more often than without faults.

    The shared systems, on which quotas are spent: once more for each fault, be it one that lasts. The control plane's
    own tables, after faults that pass: a stage that is gone through again writes its intent and its result again, and
    the way back may begin anew with an intent.
    """
    made = mutations(trace)
    allowed = {operation: (1 if operation in CONTENDED else _OF_A_STAGE) * faults for operation in made}
    return [
        f"mutations: {operation} {made[operation]} times, {without[operation]} without faults, {faults} faults"
        for operation in sorted(made)
        if made[operation] > without[operation] + allowed[operation] and (operation in CONTENDED or is_passing)
    ]
