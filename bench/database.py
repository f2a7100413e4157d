"""Measure what it costs to give a tenant its own database: published, against what else one could do.

Databases. The product builds a tenant's file in scratch space and publishes it by one copy (`publish`; `own_file` when
eight processes do so at once). Compared with it, in the same run:

- `ddl_in_place`: the same lock and pointer, but the tables are made where the file is to stay, in one transaction;
- `ddl_bare`: that without lock and pointer. No choice, since a crash leaves half a tenant, but the least there is;
- `shared_file`: one file for all tenants, which one process at a time may write.

`plain` is this machine's disk. `efs_model` delays each operation on the tenants' folder by a round trip (bench/efs);
`efs_buffered` lets written data wait in the client until fsync or close, as a mount with the usual options does: what
is gained by fewer writes is gone there, and what the lock and the pointer cost remains. Scratch space is never delayed,
and throughput is not modelled: publish and DDL in place send the same bytes. One process alternates between designs, so
that a machine that gets busy is unfair to none; it does not keep the processor's part from growing, so measure when
nothing else runs. On a plain disk own files are as fast as there are processors.

`reads` and `writes` are the round trips that a tenant takes, `read_ms` and `write_ms` what each of them costs.
`ratio`: p50 of `publish` to that of `ddl_in_place`, and tenants a second of `own_file` to those of `shared_file`. Every
row of every file is read back: `lost` tenants and `foreign` rows have to be 0. `met` says whether they are, and
whether the ratio keeps its `bound`.
"""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from bench.database_audit import Audit, audit
from bench.database_writer import Writer
from bench.efs import TRIPS, Delays, Model, ModelUnavailable, compiled
from bench.report import ROOT

TITLE = "database: milliseconds to give a tenant its database; processes at once; models of EFS"
PROCESSES = 8
TENANTS_ALONE = 30
TENANTS_EACH = 10
SMALL = {"PROCESSES": 2, "TENANTS_ALONE": 2, "TENANTS_EACH": 1}
ALONE = ("publish", "ddl_in_place", "ddl_bare")
PUBLISH_BOUND = 0.5
OWN_FILE_BOUND = 2.0
_PATIENCE_SECONDS = 120.0

EFS: Mapping[str, Delays] = {"efs_model": Delays(), "efs_buffered": Delays(write_back=True)}


@dataclass(frozen=True)
class Written:
    """A tenant, as a process reports it.

    began, ended: seconds on the machine's monotonic clock. processor: seconds of the process's work. trips: round trips
    to a modelled file system, by kind.
    """

    design: str
    tenant_id: str
    began: float
    ended: float
    processor: float
    trips: Mapping[str, int]


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield a row for each design on each storage; where the model cannot run, one row that says why."""
    local = ROOT / ".local"
    local.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="bench-database-", dir=local) as work:
        folder = Path(work).resolve()
        yield from _of_storage("plain", None, folder / "plain", say)
        try:
            say("compiling the model of EFS")
            library = compiled(folder)
        except ModelUnavailable as reason:
            yield from ({"storage": storage, "left_out": str(reason)} for storage in EFS)
            return
        for storage, delays in EFS.items():
            tenants = folder / storage / "tenants"
            yield from _of_storage(storage, Model(library, tenants, delays), folder / storage, say)


def _of_storage(
    storage: str, model: Model | None, folder: Path, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    directory, scratch = folder / "tenants", folder / "scratch"
    directory.mkdir(parents=True)
    scratch.mkdir()
    if model:
        say(f"{storage}: checking the model")
        model.check(scratch)

    def write(*jobs: Sequence[tuple[str, str]]) -> list[Written]:
        where = {"directory": str(directory), "scratch": str(scratch)}
        return _written(where, jobs, model.environment if model else {})

    say(f"{storage}: {TENANTS_ALONE} tenants, three designs in turn")
    alone = write([(design, f"{design[:3]}-{n}") for n in range(TENANTS_ALONE) for design in ALONE])
    measured = {design: [one for one in alone if one.design == design] for design in ALONE}
    if not (model and model.delays.write_back):
        say(f"{storage}: {PROCESSES} processes with a file for each tenant")
        measured["own_file"] = write(*_shares("publish", "own"))
        say(f"{storage}: {PROCESSES} processes with one file for all tenants")
        Writer(directory, scratch).make_shared_file()
        measured["shared_file"] = write(*_shares("shared_file", "all"))

    say(f"{storage}: reading everything back")
    audits = {
        name: audit(directory, written[0].design, (one.tenant_id for one in written))
        for name, written in measured.items()
    }
    yield from table(storage, model.delays if model else None, measured, audits)


def _shares(design: str, prefix: str) -> Iterator[Sequence[tuple[str, str]]]:
    """Yield what each of the processes has to do that work at once."""
    for process in range(PROCESSES):
        yield [(design, f"{prefix}-{process}-{number}") for number in range(TENANTS_EACH)]


def table(
    storage: str, delays: Delays | None, measured: Mapping[str, Sequence[Written]], audits: Mapping[str, Audit]
) -> Iterator[dict[str, Any]]:
    """Return the rows of one storage, each with its figures, and some with the bound that they have to keep."""
    found = {design: figures(written) for design, written in measured.items()}
    for design, written in measured.items():
        row: dict[str, Any] = {
            "storage": storage,
            "design": design,
            "processes": PROCESSES if design in ("own_file", "shared_file") else 1,
            "tenants": len(written),
            **found[design],
        }
        if delays:
            row |= {**trips(written), "read_ms": delays.read, "write_ms": delays.write}
        kept = audits[design] == Audit(lost=0, foreign=0)
        if design == "publish":
            row["ratio"] = round(row["p50_ms"] / found["ddl_in_place"]["p50_ms"], 2)
            if storage == "efs_model":
                row["bound"] = f"≤ {PUBLISH_BOUND}"
                kept &= row["ratio"] <= PUBLISH_BOUND
        elif design == "own_file":
            row["ratio"] = round(row["tenants_per_s"] / found["shared_file"]["tenants_per_s"], 2)
            row["bound"] = f"≥ {OWN_FILE_BOUND}"
            kept &= row["ratio"] >= OWN_FILE_BOUND
        yield {**row, "met": kept, **asdict(audits[design])}


def figures(written: Sequence[Written]) -> dict[str, float]:
    """Return what a tenant takes (p50, p95) and costs the processor (mean), in milliseconds, and tenants a second.

    Tenants a second: those of one process that alternates, over the time that it gave them; those of several at once,
    over the time from the first one's beginning to the last one's end.
    """
    took = sorted(1000 * (one.ended - one.began) for one in written)
    span = max(one.ended for one in written) - min(one.began for one in written)
    seconds = min(span, sum(took) / 1000)
    return {
        **{f"p{share}_ms": round(percentile(took, share), 1) for share in (50, 95)},
        "cpu_ms": round(1000 * sum(one.processor for one in written) / len(written), 1),
        "tenants_per_s": round(len(written) / seconds, 1),
    }


def trips(written: Sequence[Written]) -> dict[str, float]:
    """Return the mean round trips to the tenants' folder for one tenant: those of reads, and the dearer ones."""
    return {
        name: round(sum(one.trips[kind] for one in written) / len(written), 1)
        for name, kind in zip(("reads", "writes"), TRIPS, strict=True)
    }


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest of the values that at least ``share`` percent of them do not exceed (nearest rank)."""
    return ordered[max(math.ceil(share / 100 * len(ordered)), 1) - 1]


def _written(
    where: Mapping[str, str], jobs: Sequence[Sequence[tuple[str, str]]], model: Mapping[str, str]
) -> list[Written]:
    """Let one process work through each job, all of them at once. Raises RuntimeError if one fails."""
    writers = [_writer(model) for _ in jobs]
    try:
        for writer, tenants in zip(writers, jobs, strict=True):
            _tell(writer, json.dumps({**where, "tenants": tenants}))
        for writer in writers:
            if _pipe(writer.stdout).readline() != "ready\n":
                raise RuntimeError(f"A process that writes databases failed: {_pipe(writer.stderr).read()[-2000:]}")
        for writer in writers:
            _tell(writer, "go")
        return [Written(**one) for writer in writers for one in _report(writer)]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


def _report(writer: subprocess.Popen[str]) -> Sequence[Mapping[str, Any]]:
    said, complaint = writer.communicate(timeout=_PATIENCE_SECONDS)
    if writer.returncode:
        raise RuntimeError(f"A process that writes databases failed: {complaint[-2000:]}")
    found: Sequence[Mapping[str, Any]] = json.loads(said)
    return found


def _tell(writer: subprocess.Popen[str], line: str) -> None:
    pipe = _pipe(writer.stdin)
    pipe.write(f"{line}\n")
    pipe.flush()


def _pipe(pipe: IO[str] | None) -> IO[str]:
    if pipe is None:
        raise RuntimeError("not a pipe")
    return pipe


def _writer(model: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.database_writer"],
        cwd=ROOT,
        env=os.environ | model,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
