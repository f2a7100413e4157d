"""Check that the table of wrong products in docs/local-aws.md lists every mutation of the emulator."""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from gates import report


def findings(root: Path) -> list[str]:
    """Return the sections that are outdated."""
    listed = subprocess.run(
        [sys.executable, "-m", "tests.mutation.emulator", "--list"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return wrong_products((root / "docs" / "local-aws.md").read_text(), listed.stdout.splitlines())


def wrong_products(document: str, names: Iterable[str]) -> list[str]:
    """Return the mutations that the document's table lacks, and those in it that no longer exist."""
    section = re.search(r"<!-- wrong products: generated.*?<!-- wrong products: end -->", document, re.DOTALL)
    shown = set(re.findall(r"^\| ([^|]+?) \|", section[0], re.MULTILINE)) - {"wrong product"} if section else set()
    shown = {name for name in shown if not name.startswith("---")}
    advice = "run `make mutants`"
    return [
        *(f"docs/local-aws.md lacks the wrong product {name!r}: {advice}" for name in sorted(set(names) - shown)),
        *(f"docs/local-aws.md lists {name!r}, which no longer exists: {advice}" for name in sorted(shown - set(names))),
    ]


if __name__ == "__main__":
    report.main(findings)
