"""Run checkov on the transformed templates: every finding needs a reason.

Its exit code cannot be trusted: it is 0 for a file that it cannot read. So the report itself is read.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gates import report, transform
from gates.suppressions import CHECKOV, Ledger


def findings(root: Path) -> list[str]:
    """Return the faults of the templates below a folder."""
    ledger = Ledger(CHECKOV)
    templates = {name: transform.transformed(root / name) for name in transform.TEMPLATES}
    missing = [f"{name}: {finding}" for name, template in templates.items() for finding in unreasoned(template)]
    found = [text for rule, resource, text in scan(templates) if not ledger.accepts(rule, resource)]
    return [*found, *missing, *ledger.stale()]


def scan(templates: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """Return checkov's findings by the template's file name: rule, logical id of the resource, and a line for a person.

    Raises RuntimeError when it could not read them.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{Path(name).stem}.json" for name in templates]
        for path, template in zip(paths, templates.values(), strict=True):
            path.write_text(json.dumps(template))
        command = (
            *(Path(sys.executable).parent / "checkov", "--framework", "cloudformation", "--output", "json"),
            *("--quiet", "--compact", "--skip-download", "--file", *paths),
        )
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    try:
        answer = json.loads(done.stdout)
        summary = answer["summary"]
    except (ValueError, KeyError, TypeError):
        raise RuntimeError(f"checkov did not report: {done.stdout[-500:]}{done.stderr[-500:]}") from None
    if summary["parsing_errors"] or not summary["resource_count"]:
        raise RuntimeError(f"checkov could not read a template: {summary}")
    return [_line(check) for check in answer["results"]["failed_checks"]]


def _line(check: Any) -> tuple[str, str, str]:
    rule, resource = check["check_id"], check["resource"].split(".")[-1]
    return rule, resource, f"{Path(check['file_path']).name}: {rule} {resource}: {check['check_name']}"


def unreasoned(template: Mapping[str, Any]) -> list[str]:
    """Return the suppressions inside the template that give no reason."""
    return [
        f"{name}: the suppression of {skip.get('id')} needs a comment that says why"
        for name, resource in template.get("Resources", {}).items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
        if len(skip.get("comment", "")) < 20
    ]


if __name__ == "__main__":
    report.main(findings)
