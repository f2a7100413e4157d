"""Tools with a configuration of this project: it is in force. And the runner says what failed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gates import __main__ as runner
from gates.proof.conftest import ROOT


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    arguments = [str(part) for part in command]
    return subprocess.run(arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The packages of this project, to be broken."""
    for package in ("backend", "bench", "cli", "control", "gates", "generate", "local", "local_aws"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "layers" / "tenancy" / "tenancy", tmp_path / "tenancy")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "line", "contract"),
    [
        ("tenancy/domain/plan.py", "import boto3", "The domain is values in, values out"),
        ("tenancy/domain/record.py", "import os", "The domain is values in, values out"),
        ("tenancy/domain/hostnames.py", "import tenancy.tables.provisioning", "In the layer imports go one way"),
        ("tenancy/platform/aws.py", "import tenancy.handlers", "In the layer imports go one way"),
        ("tenancy/tenant_record/lease.py", "import tenancy.group_commit.protocol", "In the layer imports go one way"),
        ("tenancy/newcomer.py", "", "In the layer imports go one way"),
        ("tenancy/tables/run.py", "import duckdb", "Only what opens tenants' files loads the database engine"),
        ("tenancy/tables/run.py", "import local.run", "The layer knows nothing of the programs around it"),
        ("backend/app.py", "import tenancy.handlers", "and no room of a function"),
        ("control/items.py", "import cli.session", "What command and panel share knows neither"),
        ("cli/session.py", "import backend.hosts", "The command asks AWS, not the backend"),
        ("cli/session.py", "import cli.items", "No circle in backend, command and what they share"),
        ("local_aws/settings.py", "import tenancy.domain.plan", "The embedded AWS stands in for AWS"),
        ("local_aws/gateway/call.py", "import local_aws.edge.cache", "In the embedded AWS imports go one way"),
        ("local_aws/gateway/call.py", "import local_aws.gateway.answers", "No circle in the embedded AWS"),
    ],
)
def test_an_import_against_the_direction_is_refused(clone: Path, path: str, line: str, contract: str):
    with (clone / path).open("a") as module:
        module.write(f"\n{line}\n")

    done = run(runner.PROJECT / "lint-imports", folder=clone)

    assert done.returncode
    broken = " ".join(done.stdout.split("Broken contracts")[-1].split())
    assert contract in broken


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("tenancy/x.py", "def f(tenant):\n    return f\"SELECT * FROM t WHERE id = '{tenant}'\"\n", "S608"),
        ("tenancy/x.py", "def f(a=[]):\n    return a\n", "B006"),
        ("tenancy/x.py", "def f():\n    print(1)\n", "T201"),
        ("tenancy/x.py", "import subprocess\n\nsubprocess.run('x', shell=True)\n", "S602"),
        ("tenancy/x.py", "from datetime import datetime\n\nnow = datetime.now()\n", "DTZ005"),
        ("tenancy/x.py", "def f():\n    try:\n        f()\n    except Exception:\n        pass\n", "BLE001"),
        ("tenancy/x.py", f"x = '{'x' * 120}'\n", "E501"),
    ],
)
def test_ruff_refuses(clone: Path, name: str, text: str, rule: str):
    (clone / name).write_text(text)

    done = run(runner.PROJECT / "ruff", "check", "--output-format", "concise", name, folder=clone)

    assert done.returncode
    assert rule in done.stdout


def test_ruff_refuses_another_format(clone: Path):
    (clone / "cli" / "x.py").write_text("x = {  'a':1 }\n")

    assert run(runner.PROJECT / "ruff", "format", "--check", "cli/x.py", folder=clone).returncode


def test_mypy_is_strict_in_tenancy_and_looks_into_every_function_elsewhere(clone: Path):
    bad = {
        "tenancy/untyped.py": "def f(a):\n    return a\n",
        "tenancy/wrong.py": "def f(a: int) -> str:\n    return a\n",
        "cli/wrong.py": "def f(a: int) -> str:\n    return a\n",
        "cli/inside.py": "def f():\n    return 1 + ''\n",
    }
    for name, text in bad.items():
        (clone / name).write_text(text)
    command = (runner.PROJECT / "mypy", "--config-file", clone / "pyproject.toml", "--follow-imports", "skip", *bad)

    done = run(*command, folder=clone)

    assert {line.split(":")[0] for line in done.stdout.splitlines() if "error:" in line} == set(bad), done.stdout


def test_sam_refuses_a_template_that_it_cannot_deploy(tmp_path: Path):
    (tmp_path / "template.yaml").write_text(
        "Transform: AWS::Serverless-2016-10-31\nResources:\n  F:\n    Type: AWS::Serverless::Function\n"
        "    Properties: {Handler: app.handler, Runtime: python3.13, CodeUri: ., MemorySize: much}\n"
    )
    (gate,) = (gate for gate in runner.ALL if gate.name == "sam")

    done = run(*gate.command, folder=tmp_path)

    assert done.returncode, done.stdout


def gate(name: str, code: int) -> runner.Gate:
    return runner.Gate(name, "", (sys.executable, "-c", f"print('said by {name}'); raise SystemExit({code})"))


def test_one_gate_that_fails_fails_all_and_is_quoted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(runner, "ALL", (gate("fine", 0), gate("broken", 3)))

    assert runner.main([]) == 1
    shown = capsys.readouterr().out
    assert "said by broken" in shown
    assert "said by fine" not in shown
    assert "1 of 2 gates failed" in shown

    assert runner.main(["fine"]) == 0


def test_a_gate_that_does_not_exist_is_no_success(capsys: pytest.CaptureFixture[str]):
    assert runner.main(["lnit"]) == 2
    assert "There is no gate lnit." in capsys.readouterr().out
