"""Run `sam build` once per state of the sources and `sam deploy` into the local AWS; give errors in one sentence."""

import fcntl
import hashlib
import os
import re
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from control.stacks import outputs_of
from local.stack.cloudformation import first_failure
from local.stack.errors import StackFailed
from local.stack.processes import Children

_SOURCES = ("template.yaml", "functions", "layers", "statemachine")
_CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")


def digest(root: Path) -> str:
    """Return 20 hex digits that change whenever anything changes that `sam build` reads."""
    total = hashlib.sha256()
    for source in _SOURCES:
        top = root / source
        for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
            if path.is_file() and "__pycache__" not in path.parts:
                total.update(f"{path.relative_to(root)}\0{path.stat().st_mode & 0o111}\0".encode())
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:20]


class Sam:
    """SAM's command line, with its output in the logs of one local stack."""

    def __init__(self, root: Path, children: Children, environment: Mapping[str, str], logs: Path) -> None:
        program = os.environ.get("FLUXION_SAM") or str(root / ".venvs" / "sam" / "bin" / "sam")
        if not Path(program).exists():
            raise StackFailed(f"SAM's command line is missing ({program}): run `make up`, which installs it.")
        self._program, self._root, self._children, self._logs = program, root, children, logs
        quiet = {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2", "SAM_CLI_CHECK_VERSION": "0"}
        # No docker: whatever would need it fails at once instead of finding a daemon of the machine.
        self._environment = {**environment, **quiet, "DOCKER_HOST": "tcp://127.0.0.1:9"}
        # Layers hold wheels for this machine, installed by the pip beside SAM and kept by the digest of their lock.
        beside = Path(program).parent
        self._environment |= {
            "PATH": os.pathsep.join([str(beside), environment.get("PATH", os.defpath)]),
            "FLUXION_PYTHON": str(beside / "python"),
            "FLUXION_LAYER_PLATFORM": "host",
            "FLUXION_LAYER_CACHE": str(root / ".local" / "cache" / "layers"),
        }

    @contextmanager
    def built(self) -> Iterator[Path]:
        """Hold the built template, which stays there for as long as the block lasts. Raises StackFailed."""
        builds = self._root / ".local" / "build"
        builds.mkdir(parents=True, exist_ok=True)
        wanted = digest(self._root)
        with _locked(builds / f"{wanted}.lock", fcntl.LOCK_EX):
            if not (builds / wanted / "template.yaml").exists():
                self._build(builds / wanted)
        with _locked(builds / f"{wanted}.lock", fcntl.LOCK_SH):
            _remove_others(builds, wanted)
            yield builds / wanted / "template.yaml"

    def _build(self, folder: Path) -> None:
        # The name has the final one's depth, so that relative paths in the built template stay right after the rename.
        new = folder.with_name(f"{folder.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        command = [self._program, "build", "--template-file", "template.yaml", "--build-dir", str(new), "--parallel"]
        code = self._children.run("sam-build", command, self._environment, self._root)
        with suppress(FileNotFoundError):
            (folder.parent / "build.toml").unlink()  # SAM's notes on the build, beside every build folder
        if code:
            shutil.rmtree(new, ignore_errors=True)
            raise StackFailed(f"`sam build` failed: {self._last_words('sam-build')}")
        _zip_layers(new)
        new.replace(folder)

    def deploy(self, stack: str, template: Path, parameters: Mapping[str, str], client: Any) -> dict[str, str]:
        """Create or update a CloudFormation stack; returns its outputs.

        client: a CloudFormation client, to ask for the outputs, or why the deployment failed. Raises StackFailed.
        """
        command = [self._program, "deploy", "--template-file", str(template), "--stack-name", stack]
        command += ["--resolve-s3", "--no-confirm-changeset", "--no-fail-on-empty-changeset"]
        command += ["--capabilities", *_CAPABILITIES]
        given = [f"{name}={_quoted(value)}" for name, value in parameters.items() if value]
        if given:
            command += ["--parameter-overrides", *given]
        # An empty folder to run in: samconfig.toml holds the settings of real deployments.
        empty = self._logs.parent / "scratch" / "sam"
        empty.mkdir(parents=True, exist_ok=True)
        log = f"sam-deploy-{stack}"
        if self._children.run(log, command, self._environment, empty):
            reason = first_failure(client, stack)
            where = f"{reason} (the whole output: {self._logs / f'{log}.log'})" if reason else self._last_words(log)
            raise StackFailed(f"Deploying {stack} failed: {where}")
        return outputs_of(client, stack)

    def _last_words(self, log: str) -> str:
        path = self._logs / f"{log}.log"
        lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(("Error:", "Build Failed", "make:")) or "Error" in line]
        return f"{(errors or lines or ['no output'])[-1]} (the whole output: {path})"


def _zip_layers(build: Path) -> None:
    """Put an archive in the place of each layer's folder. `sam deploy` would make the same one, 5 s at every start."""
    template = build / "template.yaml"
    text = template.read_text()
    for name in re.findall(r"^ +ContentUri: (\w+)$", text, re.MULTILINE):
        with zipfile.ZipFile(build / f"{name}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for path in sorted((build / name).rglob("*")):
                archive.write(path, path.relative_to(build / name))
        shutil.rmtree(build / name)
        text = re.sub(rf"^( +ContentUri: ){name}$", rf"\g<1>{name}.zip", text, flags=re.MULTILINE)
    template.write_text(text)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    """Hold a lock on a file: shared while a build is used, exclusive while it is made or removed."""
    while True:
        with path.open("a") as file:
            fcntl.flock(file, kind)
            if not path.exists() or path.stat().st_ino != os.fstat(file.fileno()).st_ino:
                continue  # removed while this process waited for it
            yield
            return


def _remove_others(builds: Path, wanted: str) -> None:
    """Remove builds of other sources that nobody uses."""
    for lock in builds.glob("*.lock"):
        if lock.stem == wanted:
            continue
        with lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                continue
            shutil.rmtree(builds / lock.stem, ignore_errors=True)
            shutil.rmtree(builds / f"{lock.stem}.new", ignore_errors=True)
            lock.unlink(missing_ok=True)
