"""Print what a person at the terminal sees. Values are shown as text, never as markup or control characters."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

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
    """Return a value as one line of text.

    Control characters, line breaks and bidi overrides are escaped: a name in a table must not be able to move the
    cursor, recolour the terminal or forge a line.
    """
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in str(value))


def line(text: str) -> None:
    """Print a line of the answer."""
    sys.stdout.write(clean(text) + "\n")
    sys.stdout.flush()


def note(text: str) -> None:
    """Print a line beside the answer: standard error, so that the answer can be piped."""
    sys.stderr.write(clean(text) + "\n")
    sys.stderr.flush()


def document(value: object) -> None:
    """Print the whole answer as JSON. Escaped to ASCII, so it is safe in any terminal."""
    sys.stdout.write(json.dumps(value, indent=2, sort_keys=True) + "\n")


def text(value: object) -> "Text":
    """Return a cell or a value, coloured if it is a status."""
    from rich.text import Text

    shown = "" if value is None else clean(value)
    return Text(shown, style=_COLOURS.get(shown, ""))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below bold headings; nothing is cut off when the output is no terminal."""
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
    """Print names and values, maps inside them indented below their name."""
    line(title)
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            fields(" " * indent + clean(name), value, indent + 2)
        elif value not in (None, "", {}, []):
            shown = value if isinstance(value, str | int | float) else json.dumps(value)
            line(f"{' ' * indent}{clean(name):<16} {clean(shown)}")
