"""DiscardDatabase: the database of a tenant that was never live is gone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tenancy.database import TenantDatabases, publish
from tenancy.database.failures import named_failures
from tenancy.database.paths import TenantFolder
from tenancy.domain.calls import GenerationCall
from tenancy.domain.errors import GenerationSuperseded
from tenancy.domain.events import DatabaseDiscarded
from tenancy.domain.systems import System
from tenancy.domain.values import shown
from tenancy.platform.settings import DatabaseSettings
from tenancy.tables.effects import EffectState
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.run import Run
from tenancy.tenant_database.on_record import ABOUT_THE_DATABASE


class DiscardDatabase:
    """The state DiscardDatabase."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)
        self._databases = TenantDatabases(Path(settings.tenants_directory), idle_after=0)

    def discard(self, call: GenerationCall) -> dict[str, Any]:
        """Undo a seed: the tenant was never live, so the rows are the control plane's own. Nothing there is success.

        Returns {changed}. Raises GenerationSuperseded (the database is wanted), TenantDatabaseBusy, StorageUnavailable.
        """
        run = Run.of(call, self._provisioning)
        record = run.record
        effect = self._provisioning.effects.of(record.tenant_id, System.TENANT_DATABASE)
        if effect is None:
            return {"changed": False}
        if record.is_wanted or record.was_ever_live:
            raise GenerationSuperseded(f"the database of {shown(record.tenant_id)} is wanted")
        # From now on nobody may trust that it is there.
        self._provisioning.effects.start(replace(effect, state=EffectState.STARTED))
        self._empty_folder(record.tenant_id)
        run.finish(
            DatabaseDiscarded(stage=call.stage, attempt=record.attempt),
            remove=ABOUT_THE_DATABASE,
            forget=[System.TENANT_DATABASE],
        )
        return {"changed": True}

    def _empty_folder(self, tenant_id: str) -> None:
        if TenantFolder.of(self._databases.directory, tenant_id).path.is_dir():
            with (
                named_failures(f"discard the database of '{tenant_id}'"),
                self._databases.hold(tenant_id, create=True) as folder,
            ):
                publish.discard(folder)
