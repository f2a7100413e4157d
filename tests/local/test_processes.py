"""The supervisor's processes: recorded, ended, found again after a kill -9; strangers left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.stack.processes import Children, started

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {"PATH": os.environ["PATH"]}
SLEEP = [sys.executable, "-IS", "-c", "import time; time.sleep(60)"]
PARENT = [
    sys.executable,
    "-IS",
    "-c",
    "import subprocess, sys, time\n"
    "print(subprocess.Popen([sys.executable, '-IS', '-c', 'import time; time.sleep(60)']).pid, flush=True)\n"
    "time.sleep(60)",
]


@pytest.fixture
def children(tmp_path):
    ours = Children(tmp_path, detached=True)
    yield ours
    ours.end_all()


def lives(pid):
    return started(pid) is not None


def soon(condition):
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return False


def grandchild(tmp_path, name):
    log = tmp_path / "logs" / f"{name}.log"
    assert soon(lambda: log.read_text().strip())
    return int(log.read_text())


def test_a_process_is_recorded_and_ended_with_its_own_children(children, tmp_path):
    pid = children.start("parent", PARENT, ENVIRONMENT, tmp_path)
    below = grandchild(tmp_path, "parent")
    assert [line["name"] for line in json.loads((tmp_path / "pids.json").read_text())] == ["parent"]
    assert children.named("parent") == pid
    assert children.end_all() == ["parent"]
    assert not lives(pid)
    assert not lives(below)
    assert children.recorded() == []


def test_another_supervisor_ends_what_this_one_started(children, tmp_path):
    pid = children.start("sleep", SLEEP, ENVIRONMENT, tmp_path)
    assert Children(tmp_path, detached=True).end_all() == ["sleep"]
    assert not lives(pid)


def test_what_ignores_a_polite_request_is_killed(children, tmp_path, monkeypatch):
    monkeypatch.setattr("local.stack.processes._GRACE", 0.3)
    program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    pid = children.start("deaf", [sys.executable, "-IS", "-c", program], ENVIRONMENT, tmp_path)
    grandchild(tmp_path, "deaf")
    children.end_all()
    assert not lives(pid)


def test_a_stranger_with_a_recorded_pid_is_left_alone(tmp_path):
    with subprocess.Popen(SLEEP, start_new_session=True) as stranger:
        try:
            line = {"name": "old", "pid": stranger.pid, "started": "1"}
            (tmp_path / "pids.json").write_text(json.dumps([line]))
            children = Children(tmp_path, detached=True)
            assert children.named("old") is None
            assert children.end_all() == []
            assert lives(stranger.pid)
            assert children.recorded() == []
        finally:
            stranger.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_a_killed_leader_left_behind_is_found(children, tmp_path):
    pid = children.start("parent", PARENT, ENVIRONMENT, tmp_path)
    below = grandchild(tmp_path, "parent")
    os.kill(pid, signal.SIGKILL)
    assert soon(lambda: not lives(pid))
    assert lives(below)
    (tmp_path / "pids.json").unlink()  # not even the file is needed
    Children(tmp_path, detached=True).end_all()
    assert soon(lambda: not lives(below))  # whoever inherited it has to collect it


@pytest.mark.skipif(sys.platform != "linux", reason="needs prctl")
def test_an_attached_child_ends_when_its_supervisor_is_killed(tmp_path):
    program = (
        "import sys, time; from pathlib import Path; from local.stack.processes import Children\n"
        f"children = Children(Path({str(tmp_path)!r}), detached=False)\n"
        f"print(children.start('child', {SLEEP!r}, {{}}, Path('/')), flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT) as supervisor:
        pid = int(supervisor.stdout.readline())
        assert soon(lambda: "child.py" not in Path(f"/proc/{pid}/cmdline").read_text())  # it has become the program
        supervisor.kill()
    assert soon(lambda: not lives(pid))


def test_run_returns_the_exit_code_and_keeps_the_output(children, tmp_path):
    command = [sys.executable, "-IS", "-c", "print('said'); raise SystemExit(3)"]
    assert children.run("program", command, ENVIRONMENT, tmp_path) == 3
    assert (tmp_path / "logs" / "program.log").read_text() == "said\n"
    assert children.recorded() == []
