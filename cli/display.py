"""What the person at the terminal sees. Values from tables are shown as text, never as markup or control characters."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from cli.progress import Progress

_COLOURS = {
    "ACTIVE": "green",
    "SUCCEEDED": "green",
    "SUSPENDED": "yellow",
    "STALLED": "yellow",
    "HELD": "yellow",
    "FAILED": "red",
    "ROLLBACK_INCOMPLETE": "red",
}


def clean(value: object) -> str:
    """A value as one line of text. Control characters, line breaks and bidi overrides are escaped: a name in a table
    must not be able to move the cursor, recolour the terminal or forge a line.
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(value))


def line(text: str) -> None:
    """A line of the answer."""
    sys.stdout.write(clean(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """A line beside the answer: standard error, so that the answer can be piped."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()


def document(value: object) -> None:
    """The whole answer as JSON. Escaped to ASCII, so it is safe in any terminal."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True) + "\n")


def text(value: object) -> "Text":
    """A cell or a value, coloured if it is a status."""
    from rich.text import Text

    shown = "" if value is None else clean(value)
    return Text(shown, style=_COLOURS.get(shown, ""))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows below bold headings; nothing is cut off when the output is no terminal."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    for row in rows:
        shown.add_row(*(text(value) for value in row))
    if not console.is_terminal:  # a pipe has no width: a wrapped line would break what reads it
        console = Console(width=Console(width=10_000).measure(shown).maximum)
    console.print(shown)


def fields(title: str, values: Mapping[str, object], indent: int = 2) -> None:
    """Names and values, maps inside them indented below their name."""
    line(title)
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            fields(" " * indent + clean(name), value, indent + 2)
        elif value not in (None, "", {}, []):
            shown = value if isinstance(value, str | int | float) else json.dumps(value)
            line(f"{' ' * indent}{clean(name):<16} {clean(shown)}")


def watch(moments: Iterator["Progress"], *, quiet: bool = False) -> "Progress":
    """Show stages as they happen until the run has ended; returns the last moment.

    In a terminal the running stage is shown live; elsewhere each stage is one line when it has ended.
    """
    from rich.console import Console

    console = Console(stderr=True, quiet=quiet, highlight=False)
    last: Progress | None = None
    shown = 0
    with console.status("waiting for the first stage") as spinner:
        for last in moments:
            ended = [stage for stage in last.stages if stage.seconds is not None]
            if len(ended) < shown:  # another run has begun
                shown = 0
            for stage in ended[shown:]:
                console.print(_stage_line(stage.name, stage.seconds or 0.0, stage.event or ""))
            shown = len(ended)
            running = next((stage.name for stage in last.stages if stage.seconds is None), None)
            spinner.update(text(running or "waiting for the first stage"))
    if last is None:
        raise ValueError("nothing to watch")
    return last


def outcome(last: "Progress", site: Callable[[str], str]) -> None:
    """How it ended: the address of the site (``site``: host → address), or what went wrong and who must do what."""
    record = last.record or {}
    line(f"{last.tenant_id}: {record.get('status', 'not seen yet')} (operation {last.state})")
    if last.waits_for_confirmation:
        line(f"  held until somebody confirms it: fluxion tenants remove --held {last.tenant_id}")
        return
    if last.is_held_removal:
        line(f"  held until {record['due_at']}" if record.get("due_at") else "  held")
    if last.has_ended_well:
        if record.get("host") and record.get("status") == "ACTIVE":
            line(f"  {site(record['host'])}")
        return
    error = record.get("last_error") or {}
    if error:
        line(f"  {error.get('stage')}: {error.get('code')}: {error.get('message')}")
        line(f"  What to do: {error.get('remedy')}")


def _stage_line(name: str, seconds: float, event: str) -> "RenderableType":
    from rich.text import Text

    failed = event.endswith(("Failed", "Stalled"))
    return Text.assemble(
        ("✗ " if failed else "✓ ", "red" if failed else "green"), f"{clean(name):<18} {seconds:6.1f} s  {clean(event)}"
    )
