"""`make generate`: write every file that is made from others. With --check, name those that are outdated.

What has another source is not edited by hand: definitions of the state machines, samples of what their states send,
schemas and lists of the events, the reference, the index of decisions.
"""

import sys
from pathlib import Path

from generate import attributes, decisions, machines, reference, samples, schema_version, schemas

ROOT = Path(__file__).resolve().parent.parent
PARTS = (machines, samples, schemas, schema_version, attributes, reference, decisions)


def everything(root: Path) -> dict[Path, str]:
    """Return the text of every generated file below a folder."""
    return {path: text for part in PARTS for path, text in part.files(root)}


def differences(root: Path, wanted: dict[Path, str]) -> list[str]:
    """Return what is not as its source says: files that are missing, outdated, or left over."""
    outdated = [path for path, text in wanted.items() if not path.is_file() or path.read_text() != text]
    return [
        *(f"{path.relative_to(root)} is not what its source says: run `make generate`" for path in outdated),
        *(f"{path.relative_to(root)} has no source any more: run `make generate`" for path in left_over(root, wanted)),
    ]


def left_over(root: Path, wanted: dict[Path, str]) -> list[Path]:
    """Return files that were made from a source that no longer exists."""
    there = {*root.glob("statemachine/*.asl.json"), *root.glob("events/schemas/*.json"), *samples.there(root)}
    return sorted(there - {*wanted})


def main(arguments: list[str]) -> int:
    """Write everything, or compare it; 0 if all is as it should be."""
    wanted = everything(ROOT)
    if "--check" in arguments:
        found = differences(ROOT, wanted)
        print(*found, sep="\n", end="\n" if found else "")
        return bool(found)
    for path in left_over(ROOT, wanted):
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
