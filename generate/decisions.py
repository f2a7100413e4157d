"""Write the index at the top of ``docs/decisions.md``: each decision, and which one took its place."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from generate.markdown import between_marks, table

MUTUAL = {"Supersedes": "Superseded by", "Amends": "Amended by"}
"""What a newer decision says of an older one, and what that one says of it."""

_ENTRY = re.compile(r"^## (\d+)\. (.+)\n(?:\n\*(.+)\*\n)?", re.MULTILINE)
_RELATION = re.compile(r"(Supersedes|Superseded by|Amends|Amended by) ([\d, and]+)\.")


@dataclass(frozen=True)
class Decision:
    """A decision. relations: what the line below its heading says, as (words, number of the other decision)."""

    number: int
    title: str
    relations: tuple[tuple[str, int], ...]

    @property
    def anchor(self) -> str:
        """Return the heading as it stands in a link."""
        return "#" + re.sub(r"[^\w\- ]", "", f"{self.number}. {self.title}".lower()).replace(" ", "-")


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the page of decisions with its index as it should be."""
    path = root / "docs" / "decisions.md"
    text = path.read_text()
    yield path, between_marks(text, "index", _index(decisions(text)))


def decisions(text: str) -> list[Decision]:
    """Return the entries of the page, in their order."""
    return [Decision(int(number), title, tuple(_relations(line or ""))) for number, title, line in _ENTRY.findall(text)]


def _relations(line: str) -> Iterator[tuple[str, int]]:
    for words, others in _RELATION.findall(line):
        yield from ((words, int(other)) for other in re.findall(r"\d+", others))


def _index(entries: list[Decision]) -> str:
    anchors = {entry.number: entry.anchor for entry in entries}
    rows = []
    for entry in entries:
        told = [f"{words.lower()} [{other}]({anchors.get(other, '')})" for words, other in entry.relations]
        if not any(words == "Superseded by" for words, _ in entry.relations):
            told.insert(0, "stands")
        rows.append([str(entry.number), f"[{entry.title}]({entry.anchor})", ", ".join(told)])
    return table(["no.", "decision", "status"], rows)
