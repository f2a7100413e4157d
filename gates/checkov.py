"""checkov on the transformed templates: no finding without a reason.

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
    """What is wrong in the templates below a folder."""
    ledger = Ledger(CHECKOV)
    templates = {name: transform.transformed(root / name) for name in transform.TEMPLATES}
    missing = [f"{name}: {finding}" for name, template in templates.items() for finding in unreasoned(template)]
    return [*scan(templates, ledger), *missing, *ledger.stale()]


def scan(templates: Mapping[str, Mapping[str, Any]], ledger: Ledger) -> list[str]:
    """Checkov's findings that have no reason, in templates by file name."""
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
        return [f"checkov did not report: {done.stdout[-500:]}{done.stderr[-500:]}"]
    if summary["parsing_errors"] or not summary["resource_count"]:
        return [f"checkov could not read a template: {summary}"]
    return [
        f"{Path(check['file_path']).name}: {check['check_id']} {check['resource']}: {check['check_name']}"
        for check in answer["results"]["failed_checks"]
        if not ledger.accepts(check["check_id"], check["resource"].split(".")[-1])
    ]


def unreasoned(template: Mapping[str, Any]) -> list[str]:
    """Suppressions inside the template that do not say why."""
    return [
        f"{name}: the suppression of {skip.get('id')} needs a comment that says why"
        for name, resource in template.get("Resources", {}).items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", [])
        if len(skip.get("comment", "")) < 20
    ]


if __name__ == "__main__":
    report.main(findings)
