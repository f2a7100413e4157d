"""InspectDatabases: what lies on the file system, for whoever can't see it."""

from pathlib import Path
from typing import Any

from tenancy.database import inspection
from tenancy.domain.calls import Call
from tenancy.platform.settings import DatabaseSettings


class Inspection:
    """The tenants' folders."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._directory = Path(settings.tenants_directory)

    def inspect(self, call: Call) -> dict[str, Any]:
        """Look through all of them. Returns ``{folders: {tenant: {current, files, logs}}}``."""
        return {"folders": inspection.folders(self._directory)}
