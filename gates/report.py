"""The report of the gates that are modules of this package."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main(findings: Callable[[Path], Sequence[str]]) -> None:
    """Print one line per finding and exit 1 if there is any. The root may be given as an argument."""
    found = findings(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT)
    for finding in found:
        print(finding)
    sys.exit(1 if found else 0)
