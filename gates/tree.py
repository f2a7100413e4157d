"""Find in files what none may hold: a package registry's address, a path of a machine, too many lines, open locks.

A registry's address in the tree would send every user there past their own mirror, and a path names a machine that
nobody else has.
"""

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from gates import report

HERE = "gates/tree.py"
LONGEST = 400  # of tests and pages
LONGEST_MODULE = 350
LONGEST_FUNCTION = 40
MODULES = (".py", ".ts", ".tsx", ".css")

# Files that may be longer, each with its reason. One that has become shorter fails the gate: take it out.
LONG_ON_PURPOSE = {
    "docs/decisions.md": "one numbered list, which other pages point into",
    "tests/workflow/embedded.py": "what every test of the workflow asks its stack",
    "tests/unit/backend/test_admin_api.py": "every route of the admin API, in one world",
    "tests/unit/core/test_functions.py": "one world in which every function meets its samples",
    "data.yaml": "one stack is one file; a section per concern",
    "edge.yaml": "one stack is one file; a section per concern",
    "template.yaml": "one stack is one file; a section per concern",
    "backend.yaml": "one stack is one file; a section per concern",
}
GENERATED = (
    "LICENSE",
    "statemachine/*.asl.json",
    "requirements/*.txt",
    "layers/*/requirements.txt",
    "backend/requirements.txt",
    "*.lock",
    "package-lock.json",
    "*.svg",
    "*.png",
)

# Pieced together, so that this file holds none of them.
_HOSTS = [
    host.replace(" ", "")
    for host in ("python hosted.org", "py pi.org", "registry.n pmjs.org", "registry.yarn pkg.com", "npm mirror.com")
]
_PATHS = re.compile(r"(?<![\w.~$}/-])/(?:home|Users|root)/[A-Za-z][\w.-]*")

LOCKS = {
    "requirements/uv.txt": "requirements/uv.in",
    "requirements/project.txt": "requirements/project.in",
    "requirements/emulator.txt": "local_aws/pyproject.toml",
    "requirements/sam.txt": "requirements/sam.in",
    "requirements/gates.txt": "requirements/gates.in",
    "requirements/compiler.txt": "requirements/compiler.in",
    "requirements/node.txt": "requirements/node.in",
    "layers/tenancy/requirements.txt": "layers/tenancy/requirements.in",
    "layers/duckdb/requirements.txt": "layers/duckdb/requirements.in",
    "backend/requirements.txt": "backend/requirements.in",
}
SHIPPED = ("layers/tenancy", "layers/duckdb", "backend")


def findings(root: Path) -> list[str]:
    """Return the faults of the files below a folder."""
    return [*texts(root), *lengths(root), *locks(root)]


def files(root: Path) -> Iterator[Path]:
    """Return every file that git tracks or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        capture_output=True,
        check=True,
    )
    paths = (root / name for name in listed.stdout.decode().split("\0") if name)
    yield from (path for path in paths if path.is_file())


def texts(root: Path) -> list[str]:
    """Return the lines with a registry's host or a machine's path."""
    clone = str(root.parent) + "/" if root.parent not in (Path("/"), Path("/tmp")) else None  # noqa: S108 - compared
    found = []
    for path in files(root):
        try:
            lines = path.read_text().splitlines()
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(lines, 1):
            where = f"{path.relative_to(root)}:{number}"
            found += [f"{where}: names the package registry {host}: remove it" for host in _HOSTS if host in line]
            if _PATHS.search(line) or (clone and clone in line):
                found.append(f"{where}: names a path of one machine: use a relative one")
    return found


def lengths(root: Path) -> list[str]:
    """Return files and functions that are too long, and exceptions that are no longer needed."""
    found, long = [], set()
    for path in files(root):
        name = path.relative_to(root)
        if any(name.match(pattern) for pattern in GENERATED):
            continue
        product = name.suffix in MODULES and not {"tests", "proof"} & set(name.parts)
        longest = LONGEST_MODULE if product else LONGEST
        lines = path.read_bytes().count(b"\n")
        if lines > longest:
            long.add(str(name))
            if str(name) not in LONG_ON_PURPOSE:
                found.append(f"{name}: has {lines} lines, more than {longest}: split it, or say why not in {HERE}")
        if product and name.suffix == ".py":
            found += [f"{name}: {fault}" for fault in _long_functions(path.read_text())]
    stale = sorted(name for name in LONG_ON_PURPOSE if name not in long and (root / name).exists())
    return found + [f"{name}: is no longer too long: remove it from {HERE}" for name in stale]


def _long_functions(source: str) -> Iterator[str]:
    """Yield a fault for each Python function that is too long; the frontend's linter checks the frontend's."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield f"{node.name} has {lines} lines, more than {LONGEST_FUNCTION}: split it into named parts"


def locks(root: Path) -> list[str]:
    """Find requirements without a pin, pins without a hash, addresses, and versions that are tested but not shipped."""
    found = []
    pinned = {}
    for lock, source in LOCKS.items():
        text = (root / lock).read_text()
        pins = {pin.name: pin for pin in _pins(text)}
        pinned[lock] = pins
        found += [
            f"{lock}: {line.strip()}: a lock holds no option: remove it"
            for line in text.splitlines()
            if line[:2] == "--"
        ]
        found += [f"{lock}: {name} has no hash: run `make lock`" for name in sorted(_without_hash(text))]
        for wanted in _requirements(root / source):
            pin = pins.get(_normal(wanted.name))
            if pin is None or not wanted.specifier.contains(_version(pin), prereleases=True):
                found.append(f"{lock}: does not fulfil `{wanted}` of {source}: run `make lock`")
    for folder in SHIPPED:
        lock = f"{folder}/requirements.txt"
        for name, pin in pinned[lock].items():
            tested = pinned["requirements/project.txt"].get(name)
            if tested is None or _version(tested) != _version(pin):
                found.append(f"{lock}: ships {pin}, and the tests run {tested}: run `make lock`")
    return found


def _requirements(path: Path) -> Iterator[Requirement]:
    if path.suffix == ".toml":
        yield from map(Requirement, tomllib.loads(path.read_text())["project"]["dependencies"])
        return
    for line in path.read_text().splitlines():
        text = line.split("#")[0].strip()
        if text.startswith("-r "):
            yield from _requirements(path.parent / text[3:])
        elif text:
            yield Requirement(text)


def _pins(text: str) -> Iterator[Requirement]:
    for line in text.splitlines():
        if re.match(r"[A-Za-z0-9]", line):
            requirement = Requirement(line.rstrip("\\").strip())
            requirement.name = _normal(requirement.name)
            yield requirement


def _without_hash(text: str) -> set[str]:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", text)
    return {block.split("==")[0] for block in blocks if "==" in block.split("\n")[0] and "--hash=sha256:" not in block}


def _version(pin: Requirement) -> str:
    (specifier,) = pin.specifier
    return specifier.version


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    report.main(findings)
