"""InspectDatabases: what lies on the file system, for whoever can't see it."""

from pathlib import Path
from typing import Any

from tenancy.database import inspecting
from tenancy.model import StageCall
from tenancy.settings import DatabaseSettings


class Inspection:
    """The tenants' folders."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self._directory = Path(settings.tenants_directory)

    def inspect(self, call: StageCall) -> dict[str, Any]:
        """Look through all of them. Returns ``{folders: {tenant: {current, files, logs}}}``."""
        return {"folders": inspecting.folders(self._directory)}
