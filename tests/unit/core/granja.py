"""One tenant with its files, taken through its runs."""

from pathlib import Path
from typing import Any

from tenancy.database import TenantDatabases
from tenancy.domain.record import TenantRecord
from tenancy.platform import clock
from tenancy.platform.settings import ArchiveSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tenant_database.archive import ArchiveDatabase
from tenancy.tenant_database.seed import SeedDatabase

from .conftest import TARGET, Lifecycle, Tables, generation_call, record_of

TABLE = {"rows": 1, "sha256": "0" * 64}
PROOF: dict[str, Any] = {
    "database": "todos.duckdb",
    "tables": {"products": TABLE},
    "records": ["A", "AAAA"],
    "alias": True,
    "target": TARGET,
}
"""What an operator says of a tenant that existed before."""


class Granja:
    """One tenant, as the states of its executions see it."""

    def __init__(self, folder: Path, tables: Tables, lifecycle: Lifecycle) -> None:
        (folder / "tenants").mkdir()
        self.settings = ArchiveSettings(
            provisioning_table="provisioning",
            tenants_directory=str(folder / "tenants"),
            scratch_directory=str(folder / "scratch"),
            archive_bucket="archive",
        )
        self.folder = folder / "tenants" / "granja"
        self.databases = TenantDatabases(folder / "tenants", idle_after=0)
        self.tables = tables
        self.lifecycle = lifecycle
        self.provisioning = Provisioning("provisioning")
        self.runs = 0

    @property
    def record(self) -> TenantRecord:
        return record_of(self.provisioning)

    def ask(self, **item: Any) -> None:
        """The item says this, and a new run has the lease."""
        self.lifecycle.end(f"run-{self.runs}")
        self.runs += 1
        self.tables.insert("granja", **item)
        self.lifecycle.claim("granja", f"run-{self.runs}")

    def seed(self) -> dict[str, Any]:
        call = generation_call("SeedDatabase", f"run-{self.runs}", self.record.generation)
        return SeedDatabase(self.settings).seed(call)

    def live(self, **item: Any) -> None:
        self.ask(**item)
        self.seed()
        self.lifecycle.activate("granja", f"run-{self.runs}")

    def leave(self) -> str:
        """Gone for good. Returns the folder of its archive."""
        self.tables.tenants.delete_item(Key={"tenant_id": "granja"})
        self.lifecycle.hold("granja", "hold")
        self.lifecycle.end("hold")
        self.tables.provisioning.update_item(
            Key={"pk": "TENANT#granja", "sk": "TENANT"},
            UpdateExpression="SET due_at = :past, hold_until = :past",
            ExpressionAttributeValues={":past": clock.now(-1)},
        )
        self.lifecycle.hold("granja", "off")
        call = generation_call("ArchiveDatabase", "off", self.record.generation)
        ArchiveDatabase(self.settings).archive(call)
        self.lifecycle.release("granja", "off")
        self.lifecycle.end("off")
        kept = self.record.archive
        assert kept is not None
        return str(kept["folder"])

    def forget_archive(self) -> None:
        """The record knows no archive, and no manifest's hash."""
        self.tables.provisioning.update_item(
            Key={"pk": "TENANT#granja", "sk": "TENANT"},
            UpdateExpression="REMOVE #archive",
            ExpressionAttributeNames={"#archive": "archive"},
        )

    def sell(self, product: str) -> None:
        self.sell_like("panela", product)

    def sell_like(self, known: str, product: str) -> None:
        with self.databases.open("granja", "write") as connection:
            connection.execute(
                "INSERT INTO products SELECT * REPLACE (? AS product_id) FROM products WHERE product_id = ?",
                [product, known],
            )

    def sells(self, product: str) -> bool:
        with self.databases.open("granja", "read") as connection:
            found = connection.execute("SELECT 1 FROM products WHERE product_id = ?", [product]).fetchone()
        return found is not None

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir() if path.suffix == ".duckdb" or "partial" in path.name)
