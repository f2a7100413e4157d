"""scripts/setup with a uv that only notes that it was called: nothing is done twice, nothing half-done counts."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
MIRROR = "https://mirror.example/simple"

# Makes folders where uv makes environments; fails in BREAK; finds no Python if NO_PYTHON is set, until it has one.
UV = f"""#!/bin/sh
echo "$*" >>"$CALLS"
echo "$UV_DEFAULT_INDEX" >"$CALLS.index"
for last; do :; done
case "$1 $2" in
    'python find') if [ -n "$NO_PYTHON" ] && [ ! -e "$CALLS.installed" ]; then exit 2; fi; echo {sys.executable} ;;
    'python install') [ "$NO_PYTHON" = never ] || touch "$CALLS.installed" ;;
    venv*) sleep "${{SLOW:-0}}"; mkdir -p "$last/bin" && ln -sf {sys.executable} "$last/bin/python" ;;
    'pip sync') echo 'Installed 2 packages'; echo ' + one==1.0'
        case $last in *"/${{BREAK:-nothing}}.txt") echo 'hash mismatch'; exit 1 ;; esac ;;
esac
"""


class Clone:
    """A folder with the script, the locks of two environments, and a uv that is ready."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.environment: dict[str, str] = {}
        (folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts" / "setup", folder / "scripts")
        (folder / "pyproject.toml").write_text("[project]\n")
        (folder / "requirements").mkdir()
        for name in ("project", "emulator", "uv"):
            (folder / "requirements" / f"{name}.txt").write_text(f"{name}==1.0\n")
        self.program(".venvs/uv/bin/uv", UV)
        self.program(".venvs/uv/bin/python", f"#!/bin/sh\necho \"global.index-url='{MIRROR}'\"\n")
        (folder / ".venvs/uv/.ready").write_text(f"{folder}\nuv==1.0\n")

    def program(self, path: str, text: str) -> None:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)
        (self.folder / path).chmod(0o755)

    def start(self, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["/bin/sh", self.folder / "scripts" / "setup", "project", "emulator"],
            env={**os.environ, "PYTHON": sys.executable, "CALLS": str(self.calls), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def setup(self, **environment: str) -> tuple[int, str, list[str]]:
        """Ask for both: exit code, all that was said, and which environments were made."""
        self.calls.write_text("")
        process = self.start(**environment)
        said, _ = process.communicate()
        return process.returncode, said, self.made()

    def made(self) -> list[str]:
        calls = [line.split() for line in self.calls.read_text().splitlines()]
        return [Path(call[-1]).name for call in calls if call[0] == "venv"]


@pytest.fixture
def new(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.fixture
def clone(new: Clone) -> Clone:
    """One whose two environments are ready."""
    assert new.setup()[0] == 0
    return new


def test_each_is_made_from_its_lock_and_the_project_is_in_its_own(new: Clone) -> None:
    code, said, made = new.setup()

    assert (code, made) == (0, [".venv", "emulator"])
    calls = new.calls.read_text()
    for name in ("project", "emulator"):
        assert f"{new.folder}/requirements/{name}.txt" in calls
    assert calls.count("pip sync --require-hashes") == 2
    assert calls.count(f"--editable {new.folder}") == 1
    assert "Installed 2 packages" in said
    assert "one==1.0" not in said, "the list of packages is for the log"


def test_what_is_ready_costs_nothing(clone: Clone) -> None:
    began = time.monotonic()

    assert clone.setup() == (0, "", [])
    assert time.monotonic() - began < 0.2


def test_a_changed_lock_concerns_its_environment_only(clone: Clone) -> None:
    (clone.folder / "requirements" / "emulator.txt").write_text("emulator==2.0\n")

    assert clone.setup()[2] == ["emulator"]


def test_the_projects_own_metadata_is_part_of_its_environment(clone: Clone) -> None:
    (clone.folder / "pyproject.toml").write_text("[project]\nname = 'x'\n")

    assert clone.setup()[2] == [".venv"]


def test_an_environment_whose_python_is_gone_is_made_anew(clone: Clone) -> None:
    python = clone.folder / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(clone.folder / "removed")

    assert clone.setup()[2] == [".venv"]


def test_a_moved_clone_is_set_up_anew(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = tmp_path_factory.mktemp("elsewhere") / "clone"
    shutil.move(clone.folder, moved)
    (moved / ".venvs/uv/.ready").write_text(f"{moved}\nuv==1.0\n")
    clone.folder, clone.calls = moved, moved / "calls"

    assert clone.setup()[2] == [".venv", "emulator"]


def test_one_that_broke_is_told_and_made_anew_by_the_next_call(clone: Clone) -> None:
    (clone.folder / "requirements" / "emulator.txt").write_text("emulator==2.0\n")
    code, said, made = clone.setup(BREAK="emulator")

    assert (code, made) == (1, ["emulator"])
    assert "hash mismatch" in said
    assert ".venvs/logs/emulator.log" in said
    assert clone.setup()[2] == ["emulator"]
    assert clone.setup()[2] == []


def test_two_at_once_make_each_once(new: Clone) -> None:
    new.calls.write_text("")
    both = [new.start(SLOW="0.3") for _ in range(2)]
    said = [process.communicate()[0] for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert sorted(new.made()) == [".venv", "emulator"]
    assert sum("waiting" in each for each in said) == 1


def test_a_mirror_that_pip_was_told_of_is_uvs_too(new: Clone) -> None:
    index = Path(f"{new.calls}.index")
    new.setup(UV_DEFAULT_INDEX="")
    assert index.read_text().strip() == MIRROR

    shutil.rmtree(new.folder / ".venv")
    new.setup(UV_DEFAULT_INDEX="https://another.example/simple")
    assert index.read_text().strip() == "https://another.example/simple"


def test_a_python_is_downloaded_where_none_is_found(new: Clone) -> None:
    assert new.setup(NO_PYTHON="yes")[::2] == (0, [".venv", "emulator"])
    assert f"python install --install-dir {new.folder}/.venvs/python" in new.calls.read_text()


def test_who_has_no_python_and_gets_none_is_told_what_to_do(new: Clone) -> None:
    code, said, made = new.setup(NO_PYTHON="never")

    assert (code, made) == (1, [])
    assert "make PYTHON=/path/to/python3.13" in said


def test_a_shim_that_does_not_run_is_no_python(new: Clone) -> None:
    shims = new.folder / "shims"
    for name in ("python3.13", "python3"):
        new.program(f"shims/{name}", "#!/bin/sh\necho 'command not found' >&2\nexit 127\n")
    path = f"{shims}:{Path(sys.executable).parent}:{os.environ['PATH']}"

    code, said, made = new.setup(PYTHON=str(shims / "python3.13"), PATH=path)

    assert (code, made) == (0, [".venv", "emulator"]), said


def test_a_python_of_pyenv_is_found_though_its_shim_does_not_run(new: Clone) -> None:
    new.program("shims/python3.13", "#!/bin/sh\nexit 127\n")
    for name in ("python3.13", "python3"):
        its = f'#!/bin/sh\necho its >>"$CALLS"\nexec {sys.executable} "$@"\n'
        new.program(f"pyenv/versions/3.13.9/bin/{name}", its)
    path = f"{new.folder}/shims:{os.environ['PATH']}"

    code, said, made = new.setup(PYTHON="", PATH=path, PYENV_ROOT=f"{new.folder}/pyenv")

    assert (code, made) == (0, [".venv", "emulator"]), said
    assert "its" in new.calls.read_text().split()
