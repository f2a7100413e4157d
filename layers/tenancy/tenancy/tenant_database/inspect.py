"""InspectDatabases and InspectShared look for those who can't see the file system. Nothing is written."""

from pathlib import Path
from typing import Any

from tenancy.database import folders, publish, shared
from tenancy.database.paths import TenantFolder
from tenancy.domain.calls import Call, InspectSharedCall
from tenancy.platform.settings import DatabaseSettings


class Inspection:
    """The tenants' folders, and the databases that tenants shared."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._directory = Path(settings.tenants_directory)
        self._scratch = Path(settings.scratch_directory)

    def databases(self, call: Call) -> dict[str, Any]:
        """Look through all folders. Returns ``{folders: {tenant: {current, files, logs}}}``."""
        return {"folders": folders.contents(self._directory)}

    def shared(self, call: InspectSharedCall) -> dict[str, Any]:
        """Look what an adoption would take over. Returns ``{tables: {name: {rows, sha256}}}``.

        Raises SharedDatabaseUnfit, TenantDatabaseBusy, InvalidTenantItem (a name that no tenant can have).
        """
        TenantFolder.of(self._directory, call.tenant_id)
        with publish.workshop(self._scratch) as space:
            found = shared.inspected(self._directory, call.database, call.tenant_id, space)
        return {"tables": {name: {"rows": rows, "sha256": digest} for name, (rows, digest) in found.items()}}
