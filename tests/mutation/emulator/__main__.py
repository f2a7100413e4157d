"""`make mutants`: each wrong product on this AWS and on stock MiniStack; the table goes into docs/local-aws.md.

python -m tests.mutation.emulator --list           their names
python -m tests.mutation.emulator --only "tag"     some of them, in both columns; the document stays as it is
python -m tests.mutation.emulator --column ours    one column, likewise
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from local_aws.tests.conformance.table import with_section
from tests.mutation.emulator import columns
from tests.mutation.emulator.columns import ALIKE, NOTICED, UNNOTICED, Cell
from tests.mutation.emulator.mutants import MUTANTS, Mutant
from tests.mutation.emulator.product import ROOT

DOCUMENT = ROOT / "docs" / "local-aws.md"
stopped = threading.Event()
COLUMNS = {"ours": columns.ours, "stock": columns.stock}


def run(column: str, mutants: list[Mutant]) -> dict[str, Cell]:
    """All cells of a column, told as they come."""
    cells = {}
    with COLUMNS[column]() as there:
        for mutant in mutants:
            if stopped.is_set():
                break
            cell = cells[mutant.name] = there.tried(mutant)
            print(f"{column:5} {cell.seconds:5.1f} s  {mutant.name}: {cell.outcome}  {cell.reason[:160]}", flush=True)
    return cells


def table(cells: dict[str, dict[str, Cell]]) -> str:
    """The section in Markdown."""
    ours, stock = cells["ours"], cells["stock"]
    missed, told, alike = (sum(cell.outcome == each for cell in stock.values()) for each in (UNNOTICED, NOTICED, ALIKE))
    here = sum(cell.outcome == NOTICED for cell in ours.values())
    lines = [
        f"{len(ours)} wrong products. Here {here} are noticed. On stock MiniStack {missed} pass unnoticed, {told} are",
        f"noticed; {alike} cannot be told from the right product, which fails there too.",
        "",
        "| wrong product | this AWS | stock MiniStack |",
        "|---|---|---|",
    ]
    words = {NOTICED: "noticed", UNNOTICED: "**passes unnoticed**", ALIKE: "the right product fails too"}
    lines += [f"| {name} | {words[ours[name].outcome]} | {words[stock[name].outcome]} |" for name in ours]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__.split("\n")[0])
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument("--only", default="", help="those whose name contains this")
    parser.add_argument("--column", choices=COLUMNS, help="one column")
    options = parser.parse_args()
    if options.list:
        print("\n".join(mutant.name for mutant in MUTANTS))
        return 0
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.name]
    asked = [options.column] if options.column else list(COLUMNS)
    began = time.monotonic()
    with ThreadPoolExecutor(len(asked)) as pool:
        running = {column: pool.submit(run, column, chosen) for column in asked}
        try:
            cells = {column: future.result() for column, future in running.items()}
        except KeyboardInterrupt:
            stopped.set()  # the stacks come down after the mutant at hand
            print("stopping …", flush=True)
            return 130
    print(f"{time.monotonic() - began:.0f} s")
    if len(asked) == len(COLUMNS):
        print(table(cells))
    if not (options.only or options.column):
        DOCUMENT.write_text(with_section(DOCUMENT.read_text(), "wrong products", "`make mutants`", table(cells)))
        unnoticed = sum(cell.outcome == UNNOTICED for cell in cells["stock"].values())
        return 0 if _all_noticed(cells["ours"]) and 2 * unnoticed >= len(chosen) else 1
    return 0 if "ours" not in cells or _all_noticed(cells["ours"]) else 1


def _all_noticed(cells: dict[str, Cell]) -> bool:
    return all(cell.outcome == NOTICED for cell in cells.values())


if __name__ == "__main__":
    sys.exit(main())
