"""Write the latest version of the tenants' schema where else it stands: the stack's output, a migration's sample."""

import re
from collections.abc import Iterator
from pathlib import Path

_PLACES = {
    "template.yaml": r'(\n  SchemaVersion:\n(?: {4}.*\n)*? {4}Value: ")\d+(")',
    "events/database_migrations/migrate.json": r'(\\"version\\": )\d+(,)',
}


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file with the number of the last step. Raises ValueError unless a file has it exactly once."""
    latest = max(path.name[:4] for path in (root / "layers/tenancy/tenancy/database/migrations").glob("*.sql"))
    for name, place in _PLACES.items():
        text, times = re.subn(place, rf"\g<1>{int(latest)}\g<2>", (root / name).read_text())
        if times != 1:
            raise ValueError(f"{name} tells the schema's version {times} times")
        yield root / name, text
