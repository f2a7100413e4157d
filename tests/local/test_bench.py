"""The report of the benchmarks: what it holds, and which rows survive a partial run."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console

from bench import BENCHES, report, usage
from bench.stacks import own_stack
from local.stack import Stack


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(report, "PATH", tmp_path / "report.json")
    monkeypatch.setattr(report, "_commit", lambda: "abc")
    return tmp_path / "report.json"


def row(bench: str, **more: Any) -> Mapping[str, Any]:
    return {"bench": bench, **more, "command": f"make bench ARGS={bench}"}


def benches(path: Path) -> list[str]:
    return [found["bench"] for found in json.loads(path.read_text())["rows"]]


@pytest.mark.parametrize("name", BENCHES)
def test_a_benchmark_has_a_title_and_rows(name: str) -> None:
    module = import_module(f"bench.{name}")
    assert module.TITLE.startswith(f"{name}: ")
    assert callable(module.rows)


def test_the_report_names_commit_machine_and_the_command_of_each_row(written: Path) -> None:
    report.write([row("up", seconds=1.5)])
    content = json.loads(written.read_text())
    assert set(content) == {"commit", "machine", "price_table_date", "rows"}
    assert {"system", "processors", "memory_gib", "python", "load"} == set(content["machine"])
    assert content["rows"] == [{"bench": "up", "seconds": 1.5, "command": "make bench ARGS=up"}]


def test_rows_of_other_benchmarks_stay_if_they_are_of_the_same_commit(
    written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report.write([row("up"), row("single")])
    report.write([row("up"), row("up")])
    assert benches(written) == ["single", "up", "up"]
    monkeypatch.setattr(report, "_commit", lambda: "def")
    report.write([row("gateway")])
    assert benches(written) == ["gateway"]


def test_rows_of_changed_sources_do_not_stay(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_commit", lambda: "abc+")
    report.write([row("up")])
    report.write([row("single")])
    assert benches(written) == ["single"]


def test_a_table_shows_every_key_but_the_benchs_name_and_command() -> None:
    console = Console(width=80, record=True, file=Path("/dev/null").open("w"))  # noqa: SIM115 - as long as the test
    console.print(report.table([row("up", step="all", seconds=2.5), row("up", step="one", bound=True)]))
    text = console.export_text()
    console.file.close()
    assert text.split() == ["step", "seconds", "bound", "all", "2.5", "one", "True"]


WITHOUT_A_STACK = ("backend", "database", "gateway", "poison_simulated")
ON_A_SHARED_STACK = ("single", "imports", "burst_simulated", "burst_emulated", "growth")
ON_ITS_OWN_STACK = ("poison", "reconcile", "up")


def small(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A benchmark with sizes that take seconds."""
    module = import_module(f"bench.{name}")
    for constant, value in module.SMALL.items():
        monkeypatch.setattr(module, constant, value)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("name", WITHOUT_A_STACK)
def test_a_benchmark_without_a_stack_runs_in_a_small_form(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = list(small(name, monkeypatch).rows(lambda _: None))

    assert rows
    assert not [row for row in rows if "left_out" in row and shutil.which("cc")]


@pytest.fixture(scope="module")
def shared_stack() -> Iterator[Stack]:
    """One for all small benchmarks: starting one takes longer than what they do on it."""
    with own_stack() as stack:
        stack.up()
        yield stack


@pytest.mark.slow
@pytest.mark.embedded_aws
@pytest.mark.parametrize("name", ON_A_SHARED_STACK)
def test_a_benchmark_on_a_shared_stack_runs_in_a_small_form(
    name: str, shared_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def shared(*_: Any) -> Iterator[Stack]:
        yield shared_stack

    module = small(name, monkeypatch)
    monkeypatch.setattr("bench.plot.draw", lambda _: None)
    monkeypatch.setattr(usage if name == "burst_simulated" else module, "own_stack", shared)

    assert list(module.rows(lambda _: None))


@pytest.mark.slow
@pytest.mark.embedded_aws
@pytest.mark.parametrize("name", ON_ITS_OWN_STACK)
def test_a_benchmark_on_a_stack_of_its_own_runs_in_a_small_form(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(small(name, monkeypatch).rows(lambda _: None))


def test_every_benchmark_runs_in_a_small_form() -> None:
    small_ones = {*WITHOUT_A_STACK, *ON_A_SHARED_STACK, *ON_ITS_OWN_STACK}
    assert small_ones == set(BENCHES)
