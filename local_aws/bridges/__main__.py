"""`python -m local_aws.bridges VERSION`: say what another MiniStack means for the bridges.

Installs that version into an environment that is thrown away, beside everything else that the emulator's own has;
compares the source of each patched function; and runs the conformance cases there twice: with the bridges, and each
without its own. A bridge `moved` if something that it patches differs, is `no longer needed` if its cases pass without
it, and `fails` if it cannot be installed or a case fails with it. Returns 1 if one fails. It takes some minutes, and
needs pytest here and `uv` on PATH; LOCAL_AWS_PYTHON is the emulator's interpreter (default: this one).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from local_aws.bridges.verdict import Outcome, Probed, outcomes, report, verdicts
from local_aws.patching import MINISTACK

PACKAGE = Path(__file__).resolve().parents[1]
CASES = PACKAGE / "tests" / "conformance"


def main(arguments: list[str] | None = None) -> int:
    """Print what the version means; return 1 if a bridge or a case fails."""
    parser = argparse.ArgumentParser(prog="python -m local_aws.bridges", description=__doc__.partition("\n")[0])
    parser.add_argument("version", help=f"of MiniStack, other than {MINISTACK}")
    parser.add_argument("--fast", action="store_true", help="compare sources and install the bridges; run no case")
    options = parser.parse_args(arguments)
    python = str(Path(os.environ.get("LOCAL_AWS_PYTHON", sys.executable)).absolute())
    with tempfile.TemporaryDirectory(prefix="bridges-") as name:
        folder = Path(name)
        other = environment(python, options.version, folder)
        before, after = probed(python), probed(other)
        broken = [bridge for bridge, found in after.items() if found.error]
        bridged, stock = [], []
        if not options.fast:
            bridged = cases(other, broken, folder / "bridged.xml")
            stock = cases(other, ["own", *broken], folder / "stock.xml")
    found = verdicts(before, after, bridged, stock)
    natives = [outcome.case for outcome in bridged if not (outcome.bridge or outcome.passed)]
    print(f"MiniStack {options.version}, bridges for {MINISTACK}; {len(bridged)} cases")
    print(report(found, natives))
    return int(bool(natives) or any(verdict.says == "fails" for verdict in found))


def environment(python: str, version: str, folder: Path) -> str:
    """Install an interpreter's packages into a new environment, with that MiniStack; return its interpreter."""
    listed = subprocess.run(
        ["uv", "pip", "freeze", "--exclude-editable", "--python", python], capture_output=True, text=True, check=True
    )
    others = [line for line in listed.stdout.splitlines() if not line.startswith(("ministack=", "local-aws"))]
    made = folder / "environment"
    subprocess.run(["uv", "venv", "--quiet", "--python", python, str(made)], check=True)
    interpreter = str(made / "bin" / "python")
    command = ["uv", "pip", "install", "--quiet", "--python", interpreter, f"ministack=={version}", *others]
    subprocess.run(command, check=True)
    return interpreter


def probed(python: str) -> dict[str, Probed]:
    """Return what each bridge leans on in the MiniStack of an interpreter."""
    done = subprocess.run(
        [python, "-m", "local_aws.bridges.probe"],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {bridge: Probed(**found) for bridge, found in json.loads(done.stdout).items()}


def cases(python: str, off: list[str], file: Path) -> list[Outcome]:
    """Run the conformance cases on an interpreter's MiniStack without some bridges. own: each case without its own."""
    environment = {
        **os.environ,
        "LOCAL_AWS_PYTHON": python,
        "LOCAL_AWS_BRIDGES_OFF": ",".join(off),
        "LOCAL_AWS_ANY_VERSION": "1",
        "LOCAL_AWS_PACE": "0.25" if "own" in off else "1",
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        str(CASES),
        "-q",
        "--tb=no",
        "-p",
        "no:cacheprovider",
        f"--junitxml={file}",
    ]
    subprocess.run(command, cwd=PACKAGE.parent, env=environment, stdout=sys.stderr, check=False)
    return outcomes(file.read_text())


if __name__ == "__main__":
    sys.exit(main())
