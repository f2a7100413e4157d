"""`make planted`: each planted bug in a copy of the tree, and the test that must notice it. A table of both at the end.

python -m tests.mutation.product --list           what is planted, and by which test it is to be caught
python -m tests.mutation.product --only "lease"   those whose mistake contains this
"""

import argparse
import os
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.mutation.product.plants import PLANTS, Plant
from tests.mutation.product.trials import Trial, all_tried, copies, noticing_test


def main() -> int:
    """Exit status: 0 if every planted bug is caught, and nothing else."""
    arguments = _arguments()
    console = Console()
    chosen = [plant for plant in PLANTS if arguments.only in plant.mistake]
    if arguments.list:
        for plant in chosen:
            console.print(f"{plant.mistake}: {noticing_test(plant)}", soft_wrap=True, highlight=False)
        return 0
    began = time.monotonic()
    if not _is_clean(console, chosen):
        return 1
    trials = list(_told(console, chosen, arguments.jobs))
    console.print(_table(trials))
    for trial in trials:
        if not trial.is_caught:
            console.print(f"[red]{trial.plant.mistake}[/red]\n{trial.said[-2000:]}", highlight=False)
    caught = sum(trial.is_caught for trial in trials)
    console.print(f"{caught} of {len(trials)} caught, {time.monotonic() - began:.0f} s", highlight=False)
    return 0 if caught == len(trials) else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make planted", description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--list", action="store_true", help="print what is planted")
    parser.add_argument("--only", default="", help="those whose mistake contains this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="copies of the tree")
    return parser.parse_args()


def _is_clean(console: Console, plants: list[Plant]) -> bool:
    """Whether the tests pass where nothing is planted: a test that always fails notices nothing."""
    with copies(1) as (copy,):
        status, said = copy.run(sorted({noticing_test(plant) for plant in plants}))
    if status:
        console.print(f"[red]without any planted bug[/red]\n{said[-4000:]}", highlight=False)
    return status == 0


def _told(console: Console, plants: list[Plant], jobs: int) -> list[Trial]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    trials = []
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("planted", total=len(plants))
        for trial in all_tried(plants, jobs):
            trials.append(trial)
            survived = sum(not trial.is_caught for trial in trials)
            progress.update(bar, advance=1, description=f"planted ({survived} survived)" if survived else "planted")
    return trials


def _table(trials: list[Trial]) -> Table:
    found = Table(title="planted bugs", title_justify="left")
    for column in ("mistake", "caught by"):
        found.add_column(column, overflow="fold")
    found.add_column("s", justify="right")
    for trial in trials:
        by = noticing_test(trial.plant) if trial.is_caught else "[red]nobody[/red]"
        found.add_row(trial.plant.mistake, by, f"{trial.seconds:.1f}")
    return found


if __name__ == "__main__":
    sys.exit(main())
