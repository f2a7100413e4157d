"""What must be true of a tenant that leaves: at every moment, and once it is gone. See ``invariants``."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import duckdb

from tests.faults import template
from tests.faults.world import World

_NO_MORE_THAN_AN_ATTEMPT = ("ROLLBACK_INCOMPLETE", "FAILED")


def rows_of(world: World, tenant: str) -> dict[str, int]:
    """Rows by table of the tenant's current database, or {} if it has none."""
    path = world.record(tenant).get("database_path")
    if not path or not (world.tenants_folder / path).is_file():
        return {}
    with duckdb.connect(str(world.tenants_folder / path), read_only=True) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
        return {name: len(connection.table(name).fetchall()) for (name,) in names}


@dataclass
class Moments:
    """Looks after each call. path, rows: the database of a tenant that was live in the beginning, ``""`` of another."""

    world: World
    tenant: str
    path: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, world: World, tenant: str) -> "Moments":
        """And from now on they look."""
        record = world.record(tenant)
        path = record.get("database_path", "") if "live_since" in record else ""
        moments = cls(world, tenant, path, rows_of(world, tenant) if path else {})
        world.points.watch = moments.look
        return moments

    def look(self, what: str) -> None:
        """After a call that had an effect."""
        found = [*self._dangling(), *self._lost()]
        self.wrong += [f"{sentence} (after {what})" for sentence in found if not self.wrong]

    def _dangling(self) -> Iterator[str]:
        """No name of a tenant points at a distribution that does not answer for it, but on the way back of one that
        was never live: the wildcard stands in.
        """
        host, state = self.world.host(self.tenant), self.world.state
        records = [record for (name, _), record in state.zone.records.items() if name == host]
        if host in state.cloudfront.aliases[template.DISTRIBUTION] or not any(
            "AliasTarget" in each for each in records
        ):
            return
        record = self.world.record(self.tenant)
        if record["operation"]["state"] != "ROLLING_BACK" and record["status"] not in _NO_MORE_THAN_AN_ATTEMPT:
            yield f"dangling: {host} is in the zone, and no alias of the distribution"

    def _archive(self) -> str:
        """The folder of the archive of that database."""
        kept = self.world.record(self.tenant).get("archive") or {}
        return str(kept["folder"]) if kept.get("database") == self.path else self.path.removesuffix(".duckdb")

    def _lost(self) -> Iterator[str]:
        """The rows of a customer are in the database, or in the archive."""
        if self.path and not (self.world.tenants_folder / self.path).is_file():
            folder = self._archive()
            if (kept := self.world.archived(folder)) != self.rows:
                yield f"lost: {self.path} is gone, and the archive has {kept} of {self.rows}"


def is_gone(world: World, tenant: str, *, keeps_folder: str = "", foreign: tuple[str, ...] = ()) -> Iterator[str]:
    """An offboarded tenant is a record, its archive, and a name that is kept for its return.

    keeps_folder: a stranger's file. foreign: what else is a stranger's, in the words of ``left_over``.
    """
    record = world.record(tenant)
    for name in world.left_over(tenant):
        if not name.startswith("CLAIM#") and name not in (f"file {keeps_folder}", *foreign):
            yield f"orphans: {name}"
    claim = world.table("ProvisioningTable").items.get((f"CLAIM#{record.get('skeleton')}", "CLAIM"), {})
    # Who failed before it held its name, or has given it back before, keeps it from nobody.
    is_its_own = claim.get("tenant_id", {}).get("S") == tenant
    if "free_at" not in claim if is_its_own else "archive" in record:
        yield f"missing: a name that is kept for {tenant}, and not {claim}"
    folder = world.tenants_folder / tenant
    if folder.exists() and (not keeps_folder or world.tenant_files(tenant) != [keeps_folder]):
        yield f"orphans: the folder of {tenant}"
    if "database_path" in record:
        yield f"orphans: the record says {record['database_path']}"
    if (kept := record.get("archive")) and world.archived(kept["folder"]) != kept["rows"]:
        yield f"lost: the archive {kept['folder']} is not what is on record"


def is_new(world: World, tenant: str, moments: Moments, generation: int) -> Iterator[str]:
    """A tenant that came back after it was gone has nothing of what it had."""
    record = world.record(tenant)
    if record["generation"] <= generation:
        yield f"converged: the generation is {record['generation']} again"
    if moments.path and record.get("database_path") == moments.path:
        yield f"converged: the database is the old one, {moments.path}"
