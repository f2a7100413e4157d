"""A tenant that had rows in a shared database before it was a tenant here: they are looked at, and taken over.

The operator's plan says what there is, with counts and hashes; what is taken over must be exactly that. The shared
database is only ever read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tenancy.database import TenantDatabases, publish, schema_versions, shared
from tenancy.database.failures import named_failures
from tenancy.database.loading import Loading, Promised, Unfit
from tenancy.database.paths import TenantFolder, never_used_name
from tenancy.database.seed import Seeding
from tenancy.domain.calls import InspectSharedCall
from tenancy.domain.errors import AdoptionProofDiffers
from tenancy.domain.record import TenantRecord
from tenancy.domain.values import shown
from tenancy.tables.run import Run
from tenancy.tenant_database.restore import is_current


def proof_of(record: TenantRecord) -> dict[str, Any] | None:
    """The adoption that is asked for and not carried out yet."""
    proof: dict[str, Any] | None = record.spec.get("adopt")
    return None if proof == record.adopted else proof


class Adopting:
    """What SeedDatabase does before all else, if a tenant is to be adopted."""

    def __init__(self, databases: TenantDatabases, scratch: Path) -> None:
        self._databases = databases
        self._scratch = scratch

    def inspect(self, call: InspectSharedCall) -> dict[str, Any]:
        """What an adoption would take over; nothing is written. Returns {tables: {name: {rows, sha256}}}.

        Raises SharedDatabaseUnfit, TenantDatabaseBusy, InvalidTenantItem (a name that no tenant can have).
        """
        TenantFolder.of(self._databases.directory, call.tenant_id)
        with publish.workshop(self._scratch) as space:
            found = shared.inspected(self._databases.directory, call.database, call.tenant_id, space)
        return {"tables": {name: {"rows": rows, "sha256": digest} for name, (rows, digest) in found.items()}}

    def adopt(self, run: Run, rows: Seeding, proof: Mapping[str, Any]) -> None:
        """Make the tenant's rows of the shared database its own first database. Once more is no harm.

        rows: the configuration that it is to have besides. Raises AdoptionProofDiffers, SharedDatabaseUnfit,
        TenantDatabaseBusy: then nothing is published.
        """
        tenant_id = run.record.tenant_id
        begun = run.record.restoring or {}
        with named_failures(f"adopt the rows of '{tenant_id}'"):
            if begun.get("asked") == proof and is_current(self._databases, tenant_id, begun["database"]):
                return
            if run.record.database_path:
                raise AdoptionProofDiffers(
                    f"{shown(tenant_id)} has a database of its own, {run.record.database_path}: only who has none can "
                    "be adopted; take adopt out of the item"
                )
            with publish.workshop(self._scratch) as space:
                found = shared.taken(self._databases.directory, proof["database"], tenant_id, space)
                _require_equal(found, proof)
                loading = Loading(rows, schema_versions.latest_version(), found, is_whole=False)
                try:
                    with publish.built(self._scratch, loading.fill, reading=space) as database:
                        self._publish(run, proof, database)
                except Unfit as unfit:
                    raise AdoptionProofDiffers(
                        f"the rows in {proof['database']} can't be taken over: {unfit}"
                    ) from None

    def _publish(self, run: Run, proof: Mapping[str, Any], database: Path) -> None:
        with self._databases.hold(run.record.tenant_id, create=True) as folder:
            if current := publish.clean(folder):
                raise AdoptionProofDiffers(
                    f"{folder.relative(current)} is there already: only who has no database can be adopted"
                )
            name = never_used_name()
            begun = {"asked": dict(proof), "database": folder.relative(folder.file(name))}
            run.note({"restoring": begun})
            publish.publish(folder, database, name)


def _require_equal(found: Mapping[str, Promised], proof: Mapping[str, Any]) -> None:
    """Raises AdoptionProofDiffers, which names the first table that is not as it was proven."""
    tables = proof["tables"]
    for name in sorted(found.keys() | tables.keys()):
        here, there = found.get(name), tables.get(name)
        if here is None or there is None or (here.rows, here.rows_sha256) != (there["rows"], there["sha256"]):
            said = f"{there['rows']} rows" if there else "not named"
            is_now = f"{here.rows} rows" if here else "not there"
            raise AdoptionProofDiffers(
                f"table {name} of {proof['database']} is not as it was proven: it was {said}, and is {is_now} or others"
            )
