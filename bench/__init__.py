"""Benchmarks: `make bench` runs them all, prints a table each, and writes `bench/report.json`.

A benchmark is a module of this package with `TITLE`, a line for people, and `rows(say)`: an iterator of flat
dictionaries, the rows of its table; `say(text)` tells what is going on. Its name goes into BENCHES.

`SMALL`, where a module has it, are its sizes for a run of seconds that shows that it still works and measures nothing:
values of its constants by their names. `make test` runs some of those.
"""

BENCHES = (
    "gateway",
    "up",
    "single",
    "imports",
    "database",
    "backend",
    "burst_simulated",
    "poison_simulated",
    "burst_emulated",
    "growth",
    "reconcile",
    "poison",
)
