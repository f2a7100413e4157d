"""``make faults``: a fault at every call. ``make faults CASE='…'`` replays one case and shows its calls."""

import argparse
import json
import os
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.faults import report, suite
from tests.faults.cases import Case, Outcome, Run, all_cases
from tests.faults.template import ROOT

_EVERY = 500  # cases, for a log that shows no bar


def main() -> int:
    """Exit status: 0 if all is well."""
    arguments = _arguments()
    console = Console()
    if arguments.case:
        return _replay(console, Case.parse(arguments.case), arguments.seed)
    cases = list(all_cases())
    if arguments.only:
        cases = [case for case in cases if case.scenario in arguments.only.split(",")]
    if arguments.sample:
        cases = suite.sample(cases, arguments.sample, arguments.seed)
    is_part = bool(arguments.only or arguments.sample)
    known = wrong = 0
    times = TimeElapsedColumn(), TimeRemainingColumn()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *times
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("faults", total=len(cases))

        def told(outcome: Outcome) -> None:
            nonlocal known, wrong
            known += 1
            if not console.is_terminal and known % _EVERY == 0:
                console.print(f"{known} cases, {wrong} wrong")
            if outcome.wrong:
                wrong += 1
                console.print(
                    f"[red]{outcome.case.id}[/red]\n  {escape('; '.join(outcome.wrong)[:600])}",
                    highlight=False,
                    soft_wrap=True,
                )
            progress.update(bar, advance=1, description=f"faults ({wrong} wrong)" if wrong else "faults")

        def grown(more: int) -> None:
            progress.update(bar, total=(progress.tasks[bar].total or 0) + more)

        outcomes = suite.run(cases, arguments.seed, arguments.jobs, told)
        if not is_part:
            outcomes += suite.explore(outcomes, arguments.seed, arguments.jobs, told, grown)
    uncovered = set() if is_part else suite.uncovered(outcomes)
    found = report.summary(ROOT, arguments.seed, outcomes, uncovered)
    path = Path(arguments.output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")
    console.print(report.table(outcomes))
    numbers = {key: value for key, value in found.items() if isinstance(value, int)}
    console.print(" · ".join(f"{key.replace('_', ' ')} {value}" for key, value in numbers.items()))
    console.print(f"uncovered calls {len(found['uncovered_calls'])} · written to {path}", highlight=False)
    return 1 if found["failures"] or found["uncovered_calls"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("--case", help="replay this one")
    parser.add_argument("--seed", type=int, default=5, help="decides jitter")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--only", help="only these scenarios, comma separated")
    parser.add_argument("--sample", type=int, help="only so many cases, chosen by the seed")
    parser.add_argument("--output", default=str(ROOT / ".local" / report.FILE))
    return parser.parse_args()


def _replay(console: Console, case: Case, seed: int) -> int:
    run = Run(case, seed)
    outcome = run.outcome()
    for crossing in run.trace:
        mark = "[red]✗[/red]" if crossing.struck else " " if crossing.outcome == "ok" else "·"
        console.print(f"{mark} {crossing.place} {crossing.detail} {crossing.outcome}", highlight=False)
    console.print(f"{outcome.end}{f', by hand: {outcome.by_hand}' if outcome.by_hand else ''}")
    for sentence in outcome.wrong:
        console.print(f"[red]{sentence}[/red]", highlight=False)
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
