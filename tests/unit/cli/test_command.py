"""The command as a program: quick to start, sentences instead of tracebacks."""

import subprocess
import sys
import types
from typing import ClassVar

import pytest

from cli import errors
from tests.unit.cli.conftest import Fluxion

SLOW = ("boto3", "botocore", "rich", "pydantic", "duckdb")


def test_help_loads_nothing_that_is_slow():
    code = f"import sys, cli.main; print([name for name in {SLOW!r} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == "[]"


def test_up_and_down_drive_the_local_stack(fluxion: Fluxion, monkeypatch: pytest.MonkeyPatch):
    calls = []

    class Stack:
        env: ClassVar = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}

        def __init__(self, root, state):
            calls.append(("stack", state.name))

        def up(self, on_progress):
            on_progress("deploying")
            calls.append("up")

        def down(self):
            calls.append("down")
            return True

    monkeypatch.setitem(sys.modules, "local.stack", types.SimpleNamespace(Stack=Stack))

    assert fluxion.json("up")["environment"] == Stack.env
    assert fluxion.json("down")["was_running"] is True
    assert [call for call in calls if isinstance(call, str)] == ["up", "down"]


def test_a_bug_keeps_its_traceback():
    assert errors.sentence(KeyError("x")) is None


def test_a_sentence_cannot_move_the_cursor():
    assert errors.sentence(errors.Refused("a\x1b[2Jb")) == "a\\x1b[2Jb"
