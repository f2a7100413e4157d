"""Where else the latest version of the tenants' schema is told: the stack's output, and the sample of a migration."""

import re
from collections.abc import Iterator
from pathlib import Path

_PLACES = {
    "template.yaml": r'(\n  SchemaVersion:\n(?: {4}.*\n)*? {4}Value: ")\d+(")',
    "events/database_migrations/migrate.json": r'(\\"version\\": )\d+(,)',
}


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield each file that tells it, with the number of the last step. Raises ValueError if one tells it not once."""
    latest = max(path.name[:4] for path in (root / "layers/tenancy/tenancy/database/migrations").glob("*.sql"))
    for name, place in _PLACES.items():
        text, times = re.subn(place, rf"\g<1>{int(latest)}\g<2>", (root / name).read_text())
        if times != 1:
            raise ValueError(f"{name} tells the schema's version {times} times")
        yield root / name, text
