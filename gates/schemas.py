"""`events/schemas/` holds exactly what the models say: a subscriber reads files, the code speaks models."""

import subprocess
import sys
import tempfile
from pathlib import Path

from gates import report


def findings(root: Path) -> list[str]:
    """Schemas that are missing, outdated or left over."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "tenancy.domain.events", folder], check=True)
        return compare(Path(folder), root / "events" / "schemas")


def compare(fresh: Path, kept: Path) -> list[str]:
    """Differences between two folders of schemas."""
    advice = "run `.venv/bin/python -m tenancy.domain.events events/schemas`"
    wanted = {path.name: path.read_text() for path in fresh.iterdir()}
    there = {path.name: path.read_text() for path in kept.glob("*")} if kept.is_dir() else {}
    if not wanted:
        return ["tenancy.domain.events wrote no schema"]
    return [
        *(f"events/schemas/{name} is missing: {advice}" for name in sorted(wanted.keys() - there.keys())),
        *(f"events/schemas/{name} belongs to no event: {advice}" for name in sorted(there.keys() - wanted.keys())),
        *(
            f"events/schemas/{name} is not what the model says: {advice}"
            for name in sorted(wanted.keys() & there.keys())
            if wanted[name] != there[name]
        ),
    ]


if __name__ == "__main__":
    report.main(findings)
