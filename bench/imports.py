"""Measure what each function costs before and while it works: import time, package size, memory. MB are 2**20 bytes, as
Lambda counts them.

import_ms: `import app` in a fresh process, wall time, with all that it imports and builds for its first invocation;
the interpreter's own start is not in it, the files are in the page cache, bytecode is what the layers bring.
processor_ms is how much of that was work: it says less than the wall time if other programs kept both processors busy.
Then the parts in ms, each without what it imports itself, by `-X importtime`, which slows everything a little;
tenancy's holds the boto3 clients that it makes.
peak_mb: the largest of the function's processes after a burst on a stack of the benchmark's own (proc(5), VmHWM).
"""

import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.report import ROOT
from bench.stacks import own_stack
from cli import migrations
from cli.session import Session, Where
from control.stacks import MAIN, Output
from control.tables import ControlPlane
from local.stack.sam import digest
from local.stack.settings import REGION
from tenancy.domain.timeline import ENDED
from tenancy.platform import clock

TITLE = "imports: import ≤ 400 ms and package ≤ 50 MB but for DuckDB, peak ≤ half of the function's memory"
BOUND_IMPORT_MS, BOUND_PACKAGE_MB, BOUND_SHARE_OF_MEMORY = 400.0, 50.0, 0.5
TENANTS, REFUSED = 50, "admin"  # a reserved name: somebody has to be told, so the notifier works too
RUNS, RUNS_BY_PART = 9, 3
SMALL = {"TENANTS": 3, "RUNS": 1, "RUNS_BY_PART": 1}
_PATIENCE_SECONDS, _SCHEDULES_SECONDS = 240.0, 90.0
_MB = 2**20
_DUCKDB = f"{MAIN}-duckdb"
_PARTS = {
    "boto3": {"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"},
    "pydantic": {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"},
    "powertools": {"aws_lambda_powertools", "aws_xray_sdk", "wrapt"},
    "duckdb": {"_duckdb", "duckdb"},
    "tenancy": {"app", "tenancy"},
}
_PROGRAM = """
import sys, time
sys.path[:0] = sys.argv[1:]
began, worked = time.perf_counter(), time.process_time()
import app
took = time.perf_counter() - began, time.process_time() - worked
print(*(seconds * 1000 for seconds in took), "tenancy.database" in sys.modules)
"""


@dataclass(frozen=True)
class Function:
    """A function as it is deployed. ``path``: its code, then its layers, as Lambda puts them on ``sys.path``."""

    deployed_name: str
    path: Sequence[Path]
    variables: Mapping[str, str]
    memory_size: int
    has_duckdb: bool

    @property
    def name(self) -> str:
        """Return the name of its folder."""
        return self.deployed_name.removeprefix(f"{MAIN}-").replace("-", "_")


def rows(say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield one row a function."""
    with own_stack() as stack, tempfile.TemporaryDirectory() as folder:
        say("starting a stack")
        build = ROOT / ".local" / "build" / digest(ROOT)
        stack.up()
        layers = _unpacked_layers(build, Path(folder))
        functions = [
            _function(config, build, layers) for config in stack.client("lambda").list_functions()["Functions"]
        ]
        say(f"{TENANTS} tenants at once, and one that is refused")
        session = Session(Where(stack.env, "the benchmark's stack"), MAIN)
        tenants = _burst(session.tables)
        say("asking for a migration of each")
        latest = int(session.output(Output.SCHEMA_VERSION))
        migrations.ask(session, tenants, latest, "bench", clock.now())
        peaks = _peaks(stack.env["AWS_ENDPOINT_URL"], {function.deployed_name for function in functions})
        say(f"importing each function {RUNS + RUNS_BY_PART} times")
        for function in sorted(functions, key=lambda each: each.name):
            yield _row(function, peaks[function.deployed_name])


def _row(function: Function, peak_mb: float) -> dict[str, Any]:
    runs = [_import(function) for _ in range(RUNS)]
    import_ms, processor_ms = (median(run[column] for run in runs) for column in (0, 1))
    opens_files = runs[0][2]
    parts = [_parts(function) for _ in range(RUNS_BY_PART)]
    sizes = {folder.parent.name: _size(folder) / _MB for folder in function.path}
    duckdb_mb = sizes.pop(_DUCKDB, None)
    package_mb = sum(sizes.values())
    return {
        "function": function.name,
        "import_ms": round(import_ms),
        "processor_ms": round(processor_ms),
        **{part: round(median(each[part] for each in parts)) for part in (*_PARTS, "stdlib")},
        "package_mb": round(package_mb, 1),
        "duckdb_layer_mb": duckdb_mb and round(duckdb_mb, 1),
        "peak_mb": round(peak_mb),
        "memory_size_mb": function.memory_size,
        "has_duckdb": function.has_duckdb,
        "opens_files": opens_files,
        "in_bound": (function.has_duckdb or import_ms <= BOUND_IMPORT_MS)
        and package_mb <= BOUND_PACKAGE_MB
        and peak_mb <= BOUND_SHARE_OF_MEMORY * function.memory_size
        and function.has_duckdb == opens_files,
    }


def _unpacked_layers(build: Path, folder: Path) -> dict[str, Path]:
    """Unpack each layer; return the folder of its /opt by name: `TenancyLayer.zip` is deployed as `fluxion-tenancy`."""
    found = {}
    for archive in build.glob("*Layer.zip"):
        name = f"{MAIN}-{archive.stem.removesuffix('Layer').lower()}"
        with zipfile.ZipFile(archive) as content:
            content.extractall(folder / name)
        found[name] = folder / name
    return found


def _function(config: Mapping[str, Any], build: Path, layers: Mapping[str, Path]) -> Function:
    logical_id = config["FunctionName"].removeprefix(f"{MAIN}-").title().replace("-", "")
    has = [layers[layer["Arn"].split(":")[-2]] for layer in config["Layers"]]
    return Function(
        deployed_name=config["FunctionName"],
        path=[build / logical_id, *(folder / "python" for folder in has)],
        variables=config["Environment"]["Variables"],
        memory_size=config["MemorySize"],
        has_duckdb=any(folder.name == _DUCKDB for folder in has),
    )


def _import(function: Function) -> tuple[float, float, bool]:
    """Return (ms, ms of processor time, whether it opens tenants' files) of one import in a new process."""
    took, worked, opens_files = _run(function).stdout.split()[-3:]
    return float(took), float(worked), opens_files == "True"


def _parts(function: Function) -> dict[str, float]:
    """Return the milliseconds by part, of one import in a new process."""
    part_of = {package: part for part, packages in _PARTS.items() for package in packages}
    found = dict.fromkeys(_PARTS, 0.0) | {"stdlib": 0.0}
    for line in _run(function, "-X", "importtime").stderr.splitlines():
        if match := re.match(r"import time: +(\d+) \| +\d+ \| +(\w+)", line):
            found[part_of.get(match[2], "stdlib")] += int(match[1]) / 1000
    return found


def _run(function: Function, *options: str) -> subprocess.CompletedProcess[str]:
    # A bare Python, as Lambda's; -B: it cannot write bytecode there.
    command = [getattr(sys, "_base_executable", sys.executable), "-I", "-S", "-B", *options, "-c", _PROGRAM]
    variables = {
        **function.variables,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "LAMBDA_TASK_ROOT": str(function.path[0]),
    }
    done = subprocess.run(
        [*command, *map(str, function.path)], env=variables, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{function.name} can't be imported: {done.stderr[-2000:]}")
    return done


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _burst(control_plane: ControlPlane) -> list[str]:
    """Onboard many at once, and return them. Raises RuntimeError unless all are ACTIVE but for the refused one."""
    tenants = [f"bench-{number}" for number in range(TENANTS)]
    for tenant_id in (*tenants, REFUSED):
        control_plane.add({"tenant_id": tenant_id, "name": f"Mercado {tenant_id}"})
    until = time.monotonic() + _PATIENCE_SECONDS
    ended: dict[str, str] = {}
    while len(ended) <= TENANTS and time.monotonic() < until:
        time.sleep(0.5)
        records = control_plane.records((*tenants, REFUSED))
        ended = {name: each["status"] for name, each in records.items() if each["operation"]["state"] in ENDED}
    if ended != dict.fromkeys(tenants, "ACTIVE") | {REFUSED: "FAILED"}:
        raise RuntimeError(f"after {_PATIENCE_SECONDS:.0f} s the tenants are {ended}")
    return tenants


def _peaks(endpoint_url: str, functions: Set[str]) -> dict[str, float]:
    """Return the most MB that a process of each function ever had resident, on the stack at this URL.

    Waits until all have begun to work: what was asked for does so at once, what is scheduled within a minute.
    """
    until = time.monotonic() + _SCHEDULES_SECONDS
    while missing := functions - _resident(endpoint_url).keys():
        if time.monotonic() > until:
            raise RuntimeError(f"nothing called {', '.join(sorted(missing))}")
        time.sleep(1.0)
    time.sleep(3.0)  # the last ones are just at it
    return _resident(endpoint_url)


def _resident(endpoint_url: str) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = process.joinpath("environ").read_bytes().split(b"\0")
            status = process.joinpath("status").read_text()
        except OSError:
            continue  # it has ended, or is another user's
        variables = dict(entry.decode(errors="replace").split("=", 1) for entry in environment if b"=" in entry)
        peak = re.search(r"VmHWM:\s+(\d+) kB", status)
        if peak and variables.get("AWS_ENDPOINT_URL") == endpoint_url and "AWS_LAMBDA_FUNCTION_NAME" in variables:
            name = variables["AWS_LAMBDA_FUNCTION_NAME"]
            found[name] = max(found[name], int(peak[1]) / 1024)
    return found
