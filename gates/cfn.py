"""Run cfn-lint, with the rules for serverless, on all templates."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gates import report, transform
from gates.suppressions import CFN_LINT, Ledger


def findings(root: Path) -> list[str]:
    """Return the faults of the templates below a folder."""
    ledger = Ledger(CFN_LINT)
    found = lint([root / name for name in transform.TEMPLATES], ("--append-rules", "cfn_lint_serverless.rules"))
    kept = [text for rule, resource, text in found if not ledger.accepts(rule, resource)]
    return kept + ledger.stale()


def lint(templates: Sequence[Path], options: Sequence[str] = ()) -> list[tuple[str, str, str]]:
    """Return cfn-lint's findings: rule, logical id of the resource (empty outside of one), and a line for a person.

    Raises RuntimeError when cfn-lint itself fails.
    """
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--format", "json", "--regions", "us-east-1", *options]
    done = subprocess.run([*command, "--template", *map(str, templates)], capture_output=True, text=True, check=False)
    try:
        answer = json.loads(done.stdout or "null")
    except ValueError:
        raise RuntimeError(done.stdout + done.stderr) from None
    if answer is None or (done.returncode and not answer):
        raise RuntimeError(f"cfn-lint ended with {done.returncode}: {done.stderr}")
    return [_line(match) for match in answer]


def _line(match: Any) -> tuple[str, str, str]:
    rule, place = match["Rule"]["Id"], match["Location"]["Path"] or []
    resource = str(place[1]) if len(place) > 1 and place[0] == "Resources" else ""
    line = match["Location"]["Start"]["LineNumber"]
    return rule, resource, f"{Path(match['Filename']).name}:{line}: {rule} {resource}: {match['Message']}"


if __name__ == "__main__":
    report.main(findings)
