"""Write the report of the benchmarks: `{commit, machine, price_table_date, rows: [{bench, …, command}]}`."""

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from bench import prices

ROOT = Path(__file__).resolve().parents[1]
PATH = ROOT / "bench" / "report.json"


def table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return the rows of one benchmark as people read them; the columns are the rows' keys."""
    columns = [key for key in dict.fromkeys(key for row in rows for key in row) if key not in ("bench", "command")]
    made = Table(box=None)
    for column in columns:
        numeric = all(isinstance(row.get(column), int | float | None) for row in rows)
        made.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*("" if row.get(column) is None else str(row[column]) for column in columns))
    return made


def write(rows: Sequence[Mapping[str, Any]]) -> Path:
    """Replace the report. Rows of benchmarks that were not run now stay, if they are of this very commit."""
    commit, run = _commit(), {row["bench"] for row in rows}
    kept = [row for row in _before(commit) if row["bench"] not in run]
    content = {
        "commit": commit,
        "machine": _machine(),
        "price_table_date": prices.DATE,
        "rows": [*kept, *rows],
    }
    PATH.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return PATH


def _before(commit: str) -> list[dict[str, Any]]:
    try:
        report = json.loads(PATH.read_text())
    except (OSError, ValueError):
        return []
    return list(report["rows"]) if report.get("commit") == commit and not commit.endswith("+") else []


def _commit() -> str:
    """Return the commit's short hash, with a `+` if a tracked file has changed since; `unknown` outside of git."""

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no")
    return (git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")) or "unknown"


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processors": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }
