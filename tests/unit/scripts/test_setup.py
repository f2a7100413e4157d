"""Setting up: nothing is done twice, nothing half-done counts, and what only looks like a Python 3.13 is none."""

import importlib.util
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"


@pytest.fixture
def environments() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environments", SCRIPTS / "environments.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def clone(tmp_path: Path, environments: ModuleType) -> Path:
    """A clone whose two environments are ready, as far as anybody can see."""
    shutil.copytree(SCRIPTS, tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "requirements").mkdir()
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    workshop = environments.Workshop(tmp_path)
    for name in ("project", "emulator"):
        (tmp_path / "requirements" / f"{name}.txt").write_text(f"{name}==1.0\n")
        (workshop.path(name) / "bin").mkdir(parents=True)
        (workshop.path(name) / "bin" / "python").symlink_to(sys.executable)
        environments.finish(workshop, name)
    return tmp_path


def setup(clone: Path) -> tuple[int, str]:
    """Ask for both. The first Python that is found says what it was called for, instead of working."""
    spy = clone / "spy"
    spy.write_text('#!/bin/sh\ncase $1 in -c) exit 0 ;; esac\nshift 3\necho "missing: $*"\n')
    spy.chmod(spy.stat().st_mode | stat.S_IXUSR)
    done = subprocess.run(
        ["sh", clone / "scripts" / "setup", "project", "emulator"],
        env={**os.environ, "PYTHON": str(spy)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.strip()


def test_what_is_ready_costs_nothing(clone: Path):
    began = time.monotonic()

    assert setup(clone) == (0, "")
    assert time.monotonic() - began < 0.2


def test_a_changed_lock_concerns_its_environment_only(clone: Path):
    with (clone / "requirements" / "emulator.txt").open("a") as lock:
        lock.write("more==2.0\n")

    assert setup(clone) == (0, "missing: emulator")


def test_the_projects_own_metadata_is_part_of_its_environment(clone: Path):
    (clone / "pyproject.toml").write_text("[project]\nname = 'x'\n")

    assert setup(clone) == (0, "missing: project")


def test_an_interrupted_environment_is_not_ready(clone: Path):
    (clone / ".venvs" / "emulator" / ".ready").unlink()

    assert setup(clone) == (0, "missing: emulator")


def test_an_environment_whose_python_is_gone_is_not_ready(clone: Path):
    python = clone / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to(clone / "removed")

    assert setup(clone) == (0, "missing: project")


def test_a_moved_clone_is_set_up_anew(clone: Path, tmp_path_factory: pytest.TempPathFactory):
    moved = tmp_path_factory.mktemp("elsewhere") / "clone"
    shutil.move(clone, moved)

    assert setup(moved) == (0, "missing: project emulator")


@pytest.mark.parametrize("answer", ["exit 127", "echo /usr/bin/python3.12 is older; exit 1", "sleep 0; echo ' 1'"])
def test_a_shim_that_does_not_run_is_no_python(environments: ModuleType, tmp_path: Path, answer: str):
    shim = tmp_path / "python3.13"
    shim.write_text(f"#!/bin/sh\n{answer}\n")
    shim.chmod(0o755)

    assert environments.probe(shim) is None


def test_the_python_of_this_environment_is_one(environments: ModuleType):
    found = environments.probe(sys.executable)

    assert found
    assert found[1], "with venv and ensurepip"
