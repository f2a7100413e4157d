"""`make check`: runs every gate, one line each, and fails if one fails.

python -m gates            all of them
python -m gates lint asl   some of them
python -m gates --list     what there is
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = ROOT / ".venv" / "bin"
SAM = ROOT / ".venvs" / "sam" / "bin"
GATES = ROOT / ".venvs" / "gates" / "bin"


@dataclass(frozen=True)
class Gate:
    """A check. ``command`` runs in the repository's root and exits with 0 if it finds no fault."""

    name: str
    proves: str
    command: tuple[str | Path, ...]
    environment: dict[str, str] = field(default_factory=dict)


def own(module: str, python: Path = PROJECT) -> tuple[str | Path, ...]:
    """Return the command of a gate that is a module of this package."""
    return (python / "python", "-m", f"gates.{module}")


# The slow ones first, so that the quick ones fill the gaps.
ALL = (
    Gate(
        "proof",
        "every gate below refuses what it should",
        (GATES / "python", "-W", "ignore", "-m", "pytest", "-q", "-W", "ignore", "gates/proof"),
    ),
    Gate("checkov", "no weakness in the transformed templates that has no reason", own("checkov", GATES)),
    Gate("types", "mypy: strict in tenancy", (PROJECT / "mypy",)),
    Gate(
        "sam",
        "`sam validate --lint`",
        (SAM / "sam", "validate", "--lint", "--template", "template.yaml", "--region", "us-east-1"),
        # The linter reads the model of the region that is named; it needs no account and no network.
        {"SAM_CLI_TELEMETRY": "0", "AWS_ACCESS_KEY_ID": "none", "AWS_SECRET_ACCESS_KEY": "none"},
    ),
    Gate("cfn-lint", "all templates, with the rules for serverless", own("cfn", GATES)),
    Gate("asl", "state machines: schema, targets, substitutions, comments, ways out", own("asl", GATES)),
    Gate(
        "rules", "principals, TLS, file system, origins, containers, retention: what scanners miss", own("rules", GATES)
    ),
    Gate("stacks", "what outlives a release is in no release, and imports go one way", own("stacks", GATES)),
    Gate("policies", "parliament: actions and condition keys that exist", own("policies", GATES)),
    Gate("imports", "import-linter: one direction", (PROJECT / "lint-imports",)),
    Gate("functions", "a function parses, delegates and answers", own("functions")),
    Gate(
        "generated",
        "what `make generate` makes is what its sources say",
        (PROJECT / "python", "-m", "generate", "--check"),
    ),
    Gate("documents", "docs/local-aws.md has the wrong products that there are", own("documents")),
    Gate("tree", "no registry, no machine's path, no oversized file, locks whole", own("tree")),
    Gate("format", "ruff format", (PROJECT / "ruff", "format", "--check", ".")),
    Gate("lint", "ruff check", (PROJECT / "ruff", "check", ".")),
)


def run(gate: Gate) -> tuple[Gate, int, str, float]:
    """Run one gate; return its exit code, what it printed, and its seconds."""
    began = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AWS_DEFAULT_REGION": "us-east-1", **gate.environment}
    done = subprocess.run(
        [str(part) for part in gate.command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return gate, done.returncode, done.stdout, time.monotonic() - began


def main(arguments: Sequence[str]) -> int:
    """Run the named gates, or all; return 0 if none finds a fault."""
    known = {gate.name: gate for gate in ALL}
    if "--list" in arguments:
        print("\n".join(f"{gate.name:<10} {gate.proves}" for gate in ALL))
        return 0
    if unknown := [name for name in arguments if name not in known]:
        print(f"There is no gate {', '.join(unknown)}. Choose among {', '.join(known)}.")
        return 2
    chosen = [known[name] for name in arguments] or list(ALL)
    failed = []
    began = time.monotonic()
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 2)) as pool:
        for done in as_completed([pool.submit(run, gate) for gate in chosen]):
            gate, code, output, seconds = done.result()
            print(f"{'ok    ' if code == 0 else 'FAILED'} {gate.name:<10} {seconds:5.1f} s  {gate.proves}", flush=True)
            if code:
                failed.append((gate, output))
    for gate, output in failed:
        print(f"\n{'─' * 20} {gate.name} {'─' * (shutil.get_terminal_size().columns - len(gate.name) - 24)}\n{output}")
    verdict = f"{len(failed)} of {len(chosen)} gates failed" if failed else f"all {len(chosen)} gates passed"
    print(f"{verdict} in {time.monotonic() - began:.1f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
