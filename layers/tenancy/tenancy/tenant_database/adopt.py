"""A tenant's rows come from a shared database, where they were before it was a tenant here.

The operator's plan says what there is, with counts and hashes; what is taken over must be exactly that. The shared
database is only ever read.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tenancy.database import TenantDatabases, publish, shared
from tenancy.database.configuration import ConfigurationRows
from tenancy.database.failures import named_failures
from tenancy.database.paths import never_used_name
from tenancy.database.row_source import NewDatabase, Unfit
from tenancy.database.table_files import TableFile
from tenancy.domain.errors import AdoptionProofDiffers
from tenancy.domain.record import TenantRecord
from tenancy.domain.values import shown
from tenancy.tables.run import Run
from tenancy.tenant_database.on_record import begun, is_current


def proof_of(record: TenantRecord) -> dict[str, Any] | None:
    """Return the adoption that is asked for and not carried out yet."""
    proof: dict[str, Any] | None = record.spec.get("adopt")
    return None if proof == record.adopted else proof


class AdoptRows:
    """What SeedDatabase does before all else, if a tenant is to be adopted."""

    def __init__(self, databases: TenantDatabases, scratch: Path) -> None:
        self._databases = databases
        self._scratch = scratch

    def adopt(self, run: Run, configuration: ConfigurationRows, proof: Mapping[str, Any]) -> None:
        """Make the tenant's rows of the shared database its own first database. Once more is no harm.

        configuration: what the database is to say besides. Raises AdoptionProofDiffers, SharedDatabaseUnfit,
        TenantDatabaseBusy: then nothing is published.
        """
        tenant_id = run.record.tenant_id
        earlier = begun(run.record, proof)
        with named_failures(f"adopt the rows of '{tenant_id}'"):
            if earlier and is_current(self._databases, tenant_id, earlier["database"]):
                return
            if run.record.database_path:
                raise AdoptionProofDiffers(
                    f"{shown(tenant_id)} has a database of its own, {run.record.database_path}: only who has none can "
                    "be adopted; take adopt out of the item"
                )
            with publish.workshop(self._scratch) as space:
                found = shared.taken(self._databases.directory, proof["database"], tenant_id, space)
                _require_equal(found.tables, proof)
                try:
                    with NewDatabase(configuration, found).built(self._scratch) as database:
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
            run.note({"restoring": {"asked": dict(proof), "database": folder.relative(folder.file(name))}})
            publish.publish(folder, database, name)


def _require_equal(found: Mapping[str, TableFile], proof: Mapping[str, Any]) -> None:
    """Raise AdoptionProofDiffers, which names the first table that is not as it was proven."""
    tables = proof["tables"]
    for name in sorted(found.keys() | tables.keys()):
        here, there = found.get(name), tables.get(name)
        if here is None or there is None or (here.rows, here.rows_sha256) != (there["rows"], there["sha256"]):
            said = f"{there['rows']} rows" if there else "not named"
            is_now = f"{here.rows} rows" if here else "not there"
            raise AdoptionProofDiffers(
                f"table {name} of {proof['database']} is not as it was proven: it was {said}, and is {is_now} or others"
            )
