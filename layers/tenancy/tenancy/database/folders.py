"""The tenants' folders are looked through by name: nothing is opened but the pointers, so nobody has to wait."""

from pathlib import Path

from tenancy.database.failures import named_failures
from tenancy.database.paths import TenantFolder
from tenancy.domain.errors import InvalidTenantItem


def contents(directory: Path) -> dict[str, dict[str, object]]:
    """List each folder with what its pointer says, its database files, and those of them that have a log beside them.

    A folder that no tenant can have is not looked into. Returns ``{name: {current, files, logs}}``.
    Raises StorageUnavailable.
    """
    with named_failures("look through the tenants' folders"):
        return {path.name: _content(path) for path in sorted(directory.iterdir()) if path.is_dir() and _is_ours(path)}


def _is_ours(path: Path) -> bool:
    try:
        TenantFolder.of(path.parent, path.name)
    except InvalidTenantItem:
        return False
    return True


def _content(path: Path) -> dict[str, object]:
    folder = TenantFolder(path.parent, path.name)
    try:
        names = sorted(entry.name for entry in path.iterdir())
        pointer = folder.pointer.read_bytes()[:128].decode("ascii", "replace").strip() if "current" in names else None
    except FileNotFoundError:  # it was removed meanwhile
        names, pointer = [], None
    return {
        "current": pointer,
        "files": [name for name in names if name.endswith(".duckdb") and not name.startswith(".")],
        "logs": [name.removesuffix(".wal") for name in names if name.endswith(".wal")],
    }
