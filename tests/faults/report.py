"""What all cases came to: a table for people, a file for machines."""

import hashlib
import json
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from tests.faults.cases import Outcome, Signature, count
from tests.faults.points import Kind

FILE = "faults.json"
_COLUMNS = ("throttle", "5xx", "time-out", "crash", "stopped", "own error")


def summary(root: Path, seed: int, outcomes: Sequence[Outcome], uncovered: Iterable[Signature]) -> dict[str, Any]:
    """The content of faults.json. result: a hash of every outcome, the same for the same commit and seed."""
    kinds = count(outcome.case for outcome in outcomes)
    wrong = Counter(sentence.partition(":")[0] for outcome in outcomes for sentence in outcome.wrong)
    told = [[outcome.case.id, outcome.end, outcome.by_hand, outcome.hits, outcome.wrong] for outcome in outcomes]
    return {
        "commit": _commit(root),
        "seed": seed,
        "single": kinds["single"],
        "double": kinds["double"],
        "cases": len(outcomes),
        "converged": sum(not _diverged(outcome) for outcome in outcomes),
        "orphans": wrong["orphans"],
        "foreign_changed": wrong["foreign"],
        "lost_failures": wrong["lost"],
        "extra_mutations": wrong["mutations"],
        "uncovered_calls": [".".join(signature) for signature in sorted(uncovered)],
        "put_right_by_hand": Counter(outcome.by_hand for outcome in outcomes if outcome.by_hand),
        "result": hashlib.sha256(json.dumps(sorted(told)).encode()).hexdigest(),
        "failures": [
            {
                "case": outcome.case.id,
                "why": "; ".join(outcome.wrong),
                "replay": f"make faults CASE='{outcome.case.id}'",
            }
            for outcome in outcomes
            if outcome.wrong
        ],
    }


def _diverged(outcome: Outcome) -> bool:
    return any(sentence.startswith(("converged:", "missing:", "harness:")) for sentence in outcome.wrong)


def _commit(root: Path) -> str:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"


def table(outcomes: Iterable[Outcome]) -> Table:
    """Cases by whose call was struck, and by what; in brackets those that went wrong."""
    cases: dict[str, Counter[str]] = defaultdict(Counter)
    wrong: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in outcomes:
        strike = outcome.case.strikes[-1]
        column = _column(strike.what)
        cases[strike.place.caller][column] += 1
        wrong[strike.place.caller][column] += bool(outcome.wrong)
    found = Table(title="cases by caller and fault (wrong ones in brackets)", title_justify="left")
    found.add_column("caller", min_width=max(map(len, cases), default=0))
    for column in (*_COLUMNS, "all"):
        found.add_column(column, justify="right")
    for caller in sorted(cases):
        cells = [_cell(cases[caller][column], wrong[caller][column]) for column in _COLUMNS]
        found.add_row(caller, *cells, _cell(cases[caller].total(), wrong[caller].total()))
    return found


def _column(what: str) -> str:
    if what in (Kind.TIMEOUT_BEFORE, Kind.TIMEOUT_AFTER, Kind.LOST):
        return "time-out"
    if what in (Kind.CRASH_BEFORE, Kind.CRASH_AFTER, Kind.TORN):
        return "crash"
    return what if what in (Kind.THROTTLE, Kind.SERVER_ERROR, Kind.STOPPED) else "own error"


def _cell(cases: int, wrong: int) -> str:
    return f"{cases} [red]({wrong})[/red]" if wrong else str(cases or "")
