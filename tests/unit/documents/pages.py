"""The documents as the tests of this folder read them: pages, their fenced blocks, their prose, their commands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
RUNBOOKS = DOCS / "runbooks"
READMES = (ROOT / "README.md", ROOT / "README.es.md")
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *DOCS.rglob("*.md"),
        *(
            ROOT / folder / "README.md"
            for folder in ("frontend", "tests", "tests/faults", "local_aws/tests/conformance")
        ),
    ]
)

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_SUBSTITUTION = re.compile(r"\$\(((?:[^()$]|\$(?!\()|\([^()]*\))*)\)")
_REDIRECTION = re.compile(r"(?<=\s)\d?[<>]{1,2}\s*[\w./&-]+(?=\s|$)")
_KEYWORDS = {"{", "if", "then", "else", "elif", "while", "until", "do", "!"}
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def named(page: Path) -> str:
    """A page as a finding calls it."""
    return str(page.relative_to(ROOT))


def fences(page: Path) -> Iterator[tuple[str, str]]:
    """(language, text) of each fenced block."""
    for indent, language, text in _FENCE.findall(page.read_text()):
        yield language, re.sub(rf"^{indent}", "", text, flags=re.MULTILINE)


def blocks(page: Path, *languages: str) -> list[str]:
    """Code blocks of a page in one of these languages."""
    return [text for language, text in fences(page) if language in languages]


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def section(page: Path, heading: str) -> str:
    """What stands below a heading, down to the next one that is as high."""
    level = heading.partition(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^#{{1,{len(level)}}} |\Z)", page.read_text(), re.M | re.S)
    assert found, f"{named(page)} has no {heading!r}"
    return found[1]


def first_cells(text: str) -> list[str]:
    """Names in the first column of the tables in a text."""
    rows = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]


def headings(page: Path) -> list[tuple[int, str]]:
    """(level, text) of each heading."""
    return [(len(level), text) for level, text in _HEADING.findall(prose(page))]


def anchors(page: Path) -> set[str]:
    """What a heading is called in a link, as code hosts do it."""
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for _, text in headings(page)}


def links(text: str) -> list[str]:
    return _LINK.findall(text)


def inline(page: Path) -> list[str]:
    """Code within sentences."""
    return _INLINE.findall(prose(page))


def code(page: Path) -> Iterator[str]:
    """Lines of shell blocks, and code within sentences."""
    for block in blocks(page, "sh"):
        yield from block.splitlines()
    yield from inline(page)


def commands(shell: str) -> Iterator[list[str]]:
    """The simple commands of a shell text as words, those within `$(…)` first."""
    while found := _SUBSTITUTION.search(shell):
        yield from _simple(found[1])
        shell = f"{shell[: found.start()]}substituted{shell[found.end() :]}"
    yield from _simple(shell)


def _simple(shell: str) -> Iterator[list[str]]:
    one_line = _REDIRECTION.sub("", shell.replace("\\\n", " ")).replace("\n", " ; ")
    lexer = shlex.shlex(one_line, posix=True, punctuation_chars="|;&()")
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    for word in [*lexer, ";"]:
        if word and set(word) <= set("|;&()"):
            while words and (words[0] in _KEYWORDS or re.match(r"\w+=", words[0])):
                del words[0]
            if words:
                yield words
            words = []
        else:
            words.append(word)
