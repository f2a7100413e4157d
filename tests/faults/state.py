"""What a world consists of, and how people and tests see it."""

import hashlib
import json
import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from tests.faults import template
from tests.faults.buckets import Buckets
from tests.faults.clock import Clock
from tests.faults.dynamodb import DynamoDb, Table
from tests.faults.interpreter import Execution
from tests.faults.messaging import Buses, Mail, Queues, QueueState, Secrets, Topics
from tests.faults.services import CloudFront, Zone

_deserialise, _serialise = TypeDeserializer().deserialize, TypeSerializer().serialize


@dataclass
class State:
    """All that outlives a process. It can be pickled while no execution runs."""

    dynamodb: DynamoDb
    zone: Zone
    cloudfront: CloudFront
    topics: Topics
    queues: Queues
    buses: Buses
    secrets: Secrets
    buckets: Buckets
    executions: dict[str, Execution] = field(default_factory=dict)

    @classmethod
    def new(cls) -> "State":
        """What stands right after the deployment."""
        base = template.BASE
        (topic,) = (template._arn(name) for name, _ in template.of_type("AWS::SNS::Topic"))
        buses = tuple(bus["Name"] for _, bus in template.of_type("AWS::Events::EventBus"))
        cloudfront = CloudFront(template.DISTRIBUTION, covered=(base, f"*.{base}"))
        cloudfront.aliases[template.DISTRIBUTION] = [base, f"*.{base}"]
        queues = {
            queue.arn: QueueState(queue.arn, queue.visibility, queue.dead_letters, queue.receives)
            for queue in template.queues()
        }
        return cls(
            dynamodb=DynamoDb.of(template.tables()),
            zone=Zone(template.ZONE, base),
            cloudfront=cloudfront,
            topics=Topics(topic),
            queues=Queues(queues),
            buses=Buses(("default", *buses)),
            secrets=Secrets(template._arn("ProbeSecret")),
            buckets=Buckets({template._ref(name): {} for name, _ in template.of_type("AWS::S3::Bucket")}),
        )


@dataclass(frozen=True)
class Settled:
    """What a world begins with."""

    pickled: bytes
    files: Path
    now: float

    def state(self) -> State:
        found: State = pickle.loads(self.pickled)  # noqa: S301 - made by this process
        return found


class Seen:
    """A world in the words of the field: what people ask for, and what they can find out."""

    state: State
    clock: Clock
    tenants_folder: Path

    def table(self, name: str) -> Table:
        return self.state.dynamodb.tables[name]

    # --- desired state ------------------------------------------------------------------------------------------------

    def insert(self, tenant_id: str, /, **item: Any) -> None:
        """Put the item; the whole item, as people do. None leaves an attribute out."""
        values = {"tenant_id": tenant_id, "name": f"Mercado {tenant_id}"} | item
        stored = {key: _serialise(value) for key, value in values.items() if value is not None}
        self.state.dynamodb.call("PutItem", {"TableName": "TenantsTable", "Item": stored}, self.clock.now)

    overwrite = insert

    def retry(self, tenant_id: str) -> None:
        """What ``fluxion tenants retry`` does."""
        self.overwrite(tenant_id, **self.item(tenant_id) | {"requested_at": self.clock.iso()})

    def remove(self, tenant_id: str) -> None:
        """Delete the item."""
        key = {"tenant_id": {"S": tenant_id}}
        self.state.dynamodb.call("DeleteItem", {"TableName": "TenantsTable", "Key": key}, self.clock.now)

    def item(self, tenant_id: str) -> dict[str, Any]:
        """The item as it stands, or {}."""
        found = self.table("TenantsTable").items.get((tenant_id,), {})
        return {key: _deserialise(value) for key, value in found.items()}

    # --- observed state -----------------------------------------------------------------------------------------------

    def raw_record(self, tenant_id: str) -> dict[str, Any] | None:
        return self.table("ProvisioningTable").items.get((f"TENANT#{tenant_id}", "TENANT"))

    def record(self, tenant_id: str) -> dict[str, Any]:
        """The tenant's record, or {}."""
        return {key: _deserialise(value) for key, value in (self.raw_record(tenant_id) or {}).items()}

    def items(self, tenant_id: str) -> list[dict[str, Any]]:
        """Everything of the provisioning table below a tenant, by sort key."""
        found = sorted(self.table("ProvisioningTable").items.items())
        return [
            {name: _deserialise(value) for name, value in item.items()}
            for (pk, _), item in found
            if pk == f"TENANT#{tenant_id}"
        ]

    def outbox(self, tenant_id: str) -> list[dict[str, Any]]:
        """Recorded events, in order."""
        return [item for item in self.items(tenant_id) if item["sk"].startswith("EVENT#")]

    def events(self, tenant_id: str) -> list[dict[str, Any]]:
        """What the bus got about a tenant, in order."""
        return [
            event
            for event in self.state.buses.events
            if event["source"] == "fluxion.tenants" and event["detail"]["metadata"]["tenant_id"] == tenant_id
        ]

    def mails(self, tenant_id: str | None = None) -> list[Mail]:
        """The mailbox, or the mails that name a tenant."""
        return [mail for mail in self.state.topics.mails if tenant_id is None or tenant_id in mail.subject + mail.body]

    def executions(self, tenant_id: str) -> list[Execution]:
        """The tenant's executions, oldest first."""
        return [each for each in self.state.executions.values() if each.input.get("tenant_id") == tenant_id]

    def host(self, tenant_id: str) -> str:
        return f"{tenant_id}.{template.BASE}"

    def tenant_files(self, tenant_id: str) -> list[str]:
        """Names in the tenant's folder, without the locks, which stay."""
        folder = self.tenants_folder / tenant_id
        found = folder.iterdir() if folder.is_dir() else iter(())
        return sorted(path.name for path in found if path.name not in ("lock", "turn"))

    def archived(self, folder: str) -> dict[str, int] | None:
        """Rows by table of the archive in a folder. None if it has no manifest, or lacks a file that this names."""
        (bucket,) = (found for name, found in self.state.buckets.objects.items() if "archive" in name)
        if f"{folder}/manifest.json" not in bucket:
            return None
        tables = json.loads(bucket[f"{folder}/manifest.json"])["tables"]
        digests = {table["file"]: table["file_sha256"] for table in tables.values()}
        kept = {name: hashlib.sha256(bucket.get(f"{folder}/{name}", b"")).hexdigest() for name in digests}
        return {name: table["rows"] for name, table in tables.items()} if kept == digests else None

    def left_over(self, tenant_id: str) -> list[str]:
        """Whatever of a tenant exists outside its record: records, alias, files, claim, effects, lease."""
        host = self.host(tenant_id)
        found = [f"{kind} record" for name, kind in self.state.zone.records if name == host]
        found += [f"alias {host}" for alias in self.state.cloudfront.aliases[template.DISTRIBUTION] if alias == host]
        found += [f"file {name}" for name in self.tenant_files(tenant_id)]
        found += [item["sk"] for item in self.items(tenant_id) if item["sk"].startswith("EFFECT#")]
        provisioning = self.table("ProvisioningTable").items
        claims = [(pk, item) for (pk, sk), item in provisioning.items() if sk == "CLAIM"]
        found += [pk for pk, item in claims if item["tenant_id"]["S"] == tenant_id]
        return found + (["lease"] if "lease" in self.record(tenant_id) else [])

    def foreign(self, *ours: str) -> str:
        """A hash of everything that belongs to nobody of ``ours``: it must never change."""
        hosts, ids = {self.host(tenant) for tenant in ours}, {f"TENANT#{tenant}" for tenant in ours}
        zone = {key: record for key, record in self.state.zone.records.items() if key[0] not in hosts}
        aliases = {
            distribution: [alias for alias in found if distribution != template.DISTRIBUTION or alias not in hosts]
            for distribution, found in self.state.cloudfront.aliases.items()
        }
        table = self.table("ProvisioningTable").items
        items = {
            key: item
            for key, item in table.items()
            if key[0] not in ids and item.get("tenant_id", {}).get("S") not in ours
        }
        files = {
            str(path.relative_to(self.tenants_folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(self.tenants_folder.rglob("*"))
            if path.is_file() and path.relative_to(self.tenants_folder).parts[0] not in ours
        }
        seen = [sorted(part.items(), key=repr) for part in (zone, aliases, items, files)]
        return hashlib.sha256(repr(seen).encode()).hexdigest()
