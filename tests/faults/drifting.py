"""Drift, as the schedule of the product would find it: at rest there is none, whatever went wrong before."""

from collections import defaultdict
from pathlib import Path

from tenancy.database import folders
from tenancy.domain import drift
from tenancy.domain.drift import Claim, Folder, Item, Observed
from tenancy.domain.errors import InvalidTenantItem
from tenancy.domain.item import TenantItem
from tenancy.domain.plan import Record
from tenancy.domain.record import TenantRecord
from tenancy.domain.values import digest_of
from tenancy.group_commit.dns_records import record_of
from tests.faults import template
from tests.faults.state import Seen, _deserialise


def findings(world: Seen, tenant: str) -> list[str]:
    """What a scan would say of one tenant: of what is somebody else's, the world is full on purpose."""
    return [finding.key for finding in drift.find(_observed(world, tenant), template.BASE)]


def _observed(world: Seen, tenant: str) -> Observed:
    record, host = world.record(tenant), world.host(tenant)
    provisioning = world.table("ProvisioningTable").items
    claims = {
        pk.removeprefix("CLAIM#"): {name: _deserialise(value) for name, value in item.items()}
        for (pk, sk), item in provisioning.items()
        if sk == "CLAIM"
    }
    effects = [item for item in world.items(tenant) if item["sk"].startswith("EFFECT#")]
    aliases = world.state.cloudfront.aliases[template.DISTRIBUTION]
    return Observed(
        items={tenant: _item(world, tenant)} if world.item(tenant) else {},
        records={tenant: TenantRecord.model_validate(record)} if record else {},
        effects={tenant: {item["sk"].removeprefix("EFFECT#"): item["target"] for item in effects}},
        claims={
            skeleton: Claim(tenant, claim.get("free_at"))
            for skeleton, claim in claims.items()
            if claim["tenant_id"] == tenant
        },
        zone={host: frozenset(_records(world)[host])},
        aliases={alias for alias in aliases if alias == host},
        folders={name: folder for name, folder in _folders(world.tenants_folder).items() if name == tenant},
    )


def _item(world: Seen, tenant: str) -> Item:
    item = world.item(tenant)
    try:
        return Item(digest_of(TenantItem.parse(item).spec), item.get("requested_at"))
    except InvalidTenantItem:
        return Item(None, item.get("requested_at"))


def _records(world: Seen) -> dict[str, set[Record]]:
    hosts: dict[str, set[Record]] = defaultdict(set)
    for (host, _), record in world.state.zone.records.items():
        hosts[host].add(record_of(record))
    return hosts


def _folders(directory: Path) -> dict[str, Folder]:
    return {
        name: Folder(found["current"], frozenset(found["files"]), frozenset(found["logs"]))  # type: ignore[arg-type]
        for name, found in folders.contents(directory).items()
    }
