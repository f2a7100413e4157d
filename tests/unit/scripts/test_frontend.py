"""scripts/frontend with a Node, an npm and a setup that only note that they were called."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("sh", "cat", "cksum", "cmp", "cp", "dirname", "find", "mkdir", "rm", "sort", "chmod")

# `npm ci` brings packages, `npm run build` a page; both say so.
NPM = """#!/bin/sh
echo "npm $*" >>"$CALLS"
[ "${BREAK:-}" != "$*" ] || { echo 'it broke'; exit 1; }
case $* in
    ci) mkdir -p node_modules ;;
    'run build') mkdir -p dist && echo page >dist/index.html ;;
esac
"""


class Clone:
    """A folder with the script, sources for it to look at, and nothing on PATH but what POSIX has."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.frontend = folder / "frontend"
        self.bin, self.node, self.calls = folder / "bin", folder / ".venvs" / "node" / "bin", folder / "calls"
        for path in (folder / "scripts", self.frontend / "src", self.frontend / "public", self.bin, self.node):
            path.mkdir(parents=True)
        shutil.copy(ROOT / "scripts" / "frontend", folder / "scripts")
        for name in (
            "index.html",
            "package.json",
            "package-lock.json",
            ".npmrc",
            "tsconfig.json",
            "vite.config.ts",
            "stages.ts",
        ):
            (self.frontend / name).write_text(name)
        (folder / "statemachine").mkdir()
        (folder / "statemachine" / "onboard.asl.json").write_text("{}")
        (self.frontend / "src" / "main.tsx").write_text("1")
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
        (folder / "npm").write_text(NPM)
        self._program(
            folder / "scripts" / "setup",
            f"""echo "setup $*" >>"$CALLS"
[ -e {self.node}/node ] || {{ printf '#!/bin/sh\\n' >{self.node}/node; cp {folder}/npm {self.node}/npm; }}
chmod +x {self.node}/node {self.node}/npm
""",
        )

    def _program(self, path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def give_node(self, *, new_enough: bool = True) -> None:
        """The machine's own."""
        self._program(self.bin / "node", f"#!/bin/sh\nexit {0 if new_enough else 1}\n")
        self._program(self.bin / "npm", NPM)

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, list[str]]:
        """Exit code, all that was said, and who was called."""
        self.calls.write_text("")
        done = subprocess.run(
            [str(self.bin / "sh"), str(self.folder / "scripts" / "frontend"), *arguments],
            env={"PATH": str(self.bin), "CALLS": str(self.calls), "HOME": os.environ.get("HOME", "/"), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            text=True,
        )
        return done.returncode, done.stdout.strip(), self.calls.read_text().splitlines()


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


def test_it_builds_once_for_each_state_of_the_sources(clone: Clone) -> None:
    clone.give_node()

    assert clone.run()[2] == ["npm ci", "npm run build"]
    assert clone.run() == (0, "", [])
    (clone.frontend / "src" / "main.test.ts").write_text("a test is in no build")
    assert clone.run() == (0, "", [])
    (clone.frontend / "src" / "main.tsx").write_text("2")
    assert clone.run()[2] == ["npm run build"]
    (clone.frontend / "package-lock.json").write_text("other packages")
    assert clone.run()[2] == ["npm ci", "npm run build"]


def test_a_build_that_broke_is_told_and_tried_again(clone: Clone) -> None:
    clone.give_node()
    code, said, _ = clone.run(BREAK="run build")

    assert code == 1
    assert "it broke" in said
    assert ".venvs/logs/frontend.log" in said
    assert clone.run()[2] == ["npm run build"]


def test_a_script_of_the_frontend_is_run_without_a_build(clone: Clone) -> None:
    clone.give_node()

    assert clone.run("test")[2] == ["npm ci", "npm run --silent test"]


@pytest.mark.parametrize("has_an_old_one", [True, False])
def test_who_has_no_node_gets_the_environment_with_one(clone: Clone, has_an_old_one: bool) -> None:
    if has_an_old_one:
        clone.give_node(new_enough=False)

    assert clone.run()[2] == ["setup node", "npm ci", "npm run build"]
    (clone.frontend / "src" / "main.tsx").write_text("2")
    assert clone.run()[2] == ["setup node", "npm run build"]
