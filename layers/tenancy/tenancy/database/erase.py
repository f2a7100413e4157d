"""What is left of a tenant's files is found and removed when the tenant is to be forgotten."""

import os
import shutil
from pathlib import Path

from tenancy.database.paths import TenantFolder, sync_directory
from tenancy.database.publish import remove_folder

SET_ASIDE = ".set-aside"
"""Beside the tenants' folders: where an operator moves a file that was in the way. No tenant can have the name."""


def left_over(folder: TenantFolder) -> list[Path]:
    """List every file in the tenant's folder, and of the tenant's among those that were set aside; locks are none."""
    places = (folder.path, _aside(folder))
    return [path for place in places for path in _files(place) if path not in (folder.lock, folder.turn)]


def erase(folder: TenantFolder) -> None:
    """Remove the tenant's folder with all that lies in it, whoever put it there. Call it while the tenant is held.

    The lock goes last. A crash on the way leaves some of the files, and once more removes them.
    """
    for entry in sorted(folder.path.iterdir()):
        if entry not in (folder.lock, folder.turn):
            _remove(entry)
    sync_directory(folder.path)
    remove_folder(folder)


def erase_set_aside(folder: TenantFolder) -> None:
    """Remove what was moved away of the tenant's. Nobody opens that, so no lock is in front of it."""
    if (aside := _aside(folder)).is_dir():
        shutil.rmtree(aside)
        sync_directory(aside.parent)


def _aside(folder: TenantFolder) -> Path:
    return folder.directory / SET_ASIDE / folder.tenant_id


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


def _files(place: Path) -> list[Path]:
    """List the files below a folder; links are not followed."""
    return sorted(Path(at) / name for at, _, names in os.walk(place) for name in names)
