"""Run benchmarks: `python -m bench [name…]`; see the package."""

import argparse
import os
import sys
from importlib import import_module

from rich.console import Console

from bench import BENCHES, report


def main() -> int:
    """Run the benchmarks that were named, or all."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, print, write bench/report.json.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHES)}; none: all")
    names = parser.parse_args().names or BENCHES
    if unknown := set(names) - set(BENCHES):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}: there are {', '.join(BENCHES)}")
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=160)
    found = []
    for name in names:
        module = import_module(f"bench.{name}")
        console.print(f"\n{module.TITLE}", style="bold", markup=False)
        rows = [
            {"bench": name, **row, "command": f"make bench ARGS={name}"}
            for row in module.rows(lambda text: console.print(f"  {text} …", style="dim", markup=False))
        ]
        console.print(report.table(rows))
        found += rows
    path = report.write(found)
    console.print(f"\nWritten to {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
