"""A tenant with a database and a bucket, brought to where a test begins."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenancy.database import TenantDatabases
from tenancy.domain.calls import GenerationCall, OrderCall
from tenancy.domain.record import TenantRecord
from tenancy.platform import clock
from tenancy.platform.settings import ArchiveSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tenant_database.archive import ArchiveDatabase
from tenancy.tenant_database.export import ExportDatabase
from tenancy.tenant_database.purge import PurgeDatabase
from tenancy.tenant_database.seed import SeedDatabase

from .conftest import Lifecycle, Tables, generation_call

CANARIES = ("canario-nombre", "canario@example.com", "canario-ajuste", "canario-fila")


@dataclass
class Customer:
    """One tenant, granja unless another is named, and what the function of its database does."""

    tables: Tables
    lifecycle: Lifecycle
    s3: Any
    folder: Path
    tenant_id: str = "granja"

    def __post_init__(self) -> None:
        self.settings = ArchiveSettings(
            provisioning_table="provisioning",
            tenants_directory=str(self.tenants),
            scratch_directory=str(self.folder / "scratch"),
            archive_bucket="archive",
        )

    @property
    def tenants(self) -> Path:
        return self.folder / "tenants"

    def onboard(self) -> None:
        """A live tenant, with canaries in its item and in its rows."""
        run = f"on-{clock.now()}"
        name, email, setting, row = (f"{canary}-{self.tenant_id}" for canary in CANARIES)
        self.tables.insert(self.tenant_id, name=name, contact_email=f"{email}.com", settings={"s": setting})
        generation = self.lifecycle.claim(self.tenant_id, run)["generation"]
        SeedDatabase(self.settings).seed(self.call("SeedDatabase", run, generation))
        self.lifecycle.activate(self.tenant_id, run)
        self.lifecycle.end(run)
        with TenantDatabases(self.tenants, idle_after=0).open(self.tenant_id, "write") as connection:
            connection.execute(
                "INSERT INTO settings VALUES (?, 'note', ?, now()::TIMESTAMP)", [self.tenant_id, f'"{row}"']
            )

    def take_down(self, removed_by: str = "") -> None:
        """Removed, held, and offboarded."""
        run = f"off-{clock.now()}"
        self.tables.tenants.delete_item(Key={"tenant_id": self.tenant_id})
        self.lifecycle.hold(self.tenant_id, "hold", removed_by=removed_by)
        self.lifecycle.end("hold")
        self.tables.provisioning.update_item(
            Key=self.key,
            UpdateExpression="SET due_at = :past, hold_until = :past",
            ExpressionAttributeValues={":past": clock.now(-1)},
        )
        generation = self.lifecycle.hold(self.tenant_id, run)["generation"]
        ArchiveDatabase(self.settings).archive(self.call("ArchiveDatabase", run, generation))
        self.lifecycle.release(self.tenant_id, run)
        self.lifecycle.end(run)

    def export(self, request: str = "request-1") -> dict[str, Any]:
        return ExportDatabase(self.settings).export(self.order("ExportDatabase", request))

    def purge(self, request: str = "request-2") -> dict[str, Any]:
        return PurgeDatabase(self.settings).purge(self.order("PurgeDatabase", request))

    def call(self, stage: str, execution: str, generation: int) -> GenerationCall:
        return generation_call(stage, execution, generation, self.tenant_id)

    def order(self, stage: str, request: str) -> OrderCall:
        return OrderCall(
            tenant_id=self.tenant_id, stage=stage, execution_arn="", request=request, requested_by="fluxion: ana"
        )

    @property
    def key(self) -> dict[str, str]:
        return {"pk": f"TENANT#{self.tenant_id}", "sk": "TENANT"}

    @property
    def record(self) -> TenantRecord:
        record = Provisioning("provisioning").record(self.tenant_id)
        assert record is not None
        return record

    @property
    def raw(self) -> dict[str, Any]:
        return dict(self.tables.provisioning.get_item(Key=self.key)["Item"])

    def items(self) -> list[dict[str, Any]]:
        return [item for item in self.tables.items() if item["pk"] == self.key["pk"]]

    def events(self) -> list[str]:
        return [item["type"] for item in self.items() if "type" in item]

    def versions(self) -> list[tuple[str, str]]:
        """All that the bucket has of the tenant, deletions too."""
        found = self.s3.list_object_versions(Bucket="archive")
        every = found.get("Versions", []) + found.get("DeleteMarkers", [])
        places = (f"{self.tenant_id}/", f"exports/{self.tenant_id}/")
        return sorted((each["Key"], each["VersionId"]) for each in every if each["Key"].startswith(places))

    def files(self) -> dict[str, bytes]:
        places = (self.tenants / self.tenant_id, self.tenants / ".set-aside" / self.tenant_id)
        return {
            str(path.relative_to(self.tenants)): path.read_bytes()
            for place in places
            for path in place.rglob("*")
            if path.is_file()
        }

    def everything(self) -> tuple[Any, ...]:
        """What there is of the tenant, to be compared."""
        return self.items(), self.versions(), self.files()
