"""`make up` twice, `kill -9` of everything, `make up` again: clean, nothing swallowed, nothing left over."""

import os
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from local.stack import Stack
from local.stack.processes import MARK
from tests.workflow.embedded import EmbeddedAws

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.embedded_aws, pytest.mark.slow]


@pytest.fixture
def state() -> Iterator[Path]:
    folder = next(each for number in range(801, 900) if not (each := ROOT / ".local" / f"test-{number}").exists())
    yield folder
    Stack(ROOT, folder).down()


def processes(state: Path) -> dict[int, str]:
    """Living processes of the stack, functions too: those that carry its folder in their environment or command."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environment = (folder / "environ").read_bytes()
                zombie = (folder / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            except OSError:
                continue
            if not zombie and (f"{MARK}={state}".encode() in environment or str(state).encode() in environment):
                found[int(folder.name)] = command
    return found


def listening(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def addresses(environment: Mapping[str, str]) -> list[str]:
    urls = [environment[name] for name in ("AWS_ENDPOINT_URL", "FLUXION_EDGE_URL", "FLUXION_FAULTS")]
    return [*(urlsplit(url).netloc for url in urls), environment["FLUXION_DNS"]]


def nothing_runs(state: Path, environment: Mapping[str, str], seconds: float = 5) -> bool:
    """No process and no open port, after a moment: a killed process closes its sockets when its last thread ends."""
    until = time.monotonic() + seconds
    while processes(state) or any(listening(address) for address in addresses(environment)):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes by Linux's /proc")
def test_a_stack_that_was_killed_comes_up_clean(state: Path) -> None:
    stack = Stack(ROOT, state)
    first = dict(stack.up())
    aws = EmbeddedAws(first, stack.outputs)
    aws.onboard("antes")
    before = processes(state)
    assert any("local_aws" in command for command in before.values())
    assert any("worker.py" in command for command in before.values()), "functions run"

    again = Stack(ROOT, state)
    steps: list[str] = []
    assert dict(again.up(lambda step: steps.append(str(step)))) == first
    assert again.was_running
    assert steps == ["the local AWS is running already"]
    assert set(processes(state)) >= {pid for pid, command in before.items() if "worker.py" not in command}

    for pid in processes(state):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # a function whose emulator is gone ends by itself
    assert nothing_runs(state, first)

    third = Stack(ROOT, state)
    steps.clear()
    second = dict(third.up(lambda step: steps.append(step.name)))
    assert steps[0] == "cleaning up after an earlier start"
    assert not third.was_running
    aws = EmbeddedAws(second, third.outputs)
    assert aws.record("antes") == {}, "a start is a fresh one"
    assert list(Path(second["FLUXION_DATA_DIR"]).iterdir()) == []
    assert aws.onboard("despues")["status"] == "ACTIVE"
    assert aws.get(aws.host("despues")).json()["tenant_id"] == "despues"

    assert third.down()
    assert nothing_runs(state, second)
    assert {path.name for path in state.iterdir()} <= {"logs", "lock"}
