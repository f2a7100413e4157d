"""Start and stop the local stack as a whole, and say where everything is."""

import json
import os
import re
import shlex
import shutil
import ssl
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from filelock import FileLock, Timeout

from control.stacks import DATA, EDGE, FOUNDATION, MAIN, Output
from local.stack import cloudformation, pages, settings
from local.stack.errors import StackFailed
from local.stack.processes import Children
from local.stack.sam import Sam
from local.stack.settings import BASE_DOMAIN, DEPLOY_SECONDS, INSYNC_SECONDS, RECORD_TTL, REGION
from local.stack.signals import interruptible, undisturbed
from local.stack.steps import Progress, Step, told
from local_aws import loopback
from local_aws.quotas import Quotas

PLAIN = {FOUNDATION: "foundation.yaml", DATA: "data.yaml", EDGE: "edge.yaml"}
"""Stacks without functions by their templates, in the order in which one imports from another."""

_READY_SECONDS = 60.0
_KEPT = re.compile(r"logs|build|cache|(run\.)?lock|(run|test)-\d+")


class Stack:
    """A local stack: the embedded AWS with edge and name server, the deployed templates, the backend.

    root: the repository. state_dir: its own folder; two stacks never share one.
    detached: it goes on when this process ends. edge_port, dns_port: 0 takes free ones.
    Not detached, it ends with the thread that called `up`.
    without: bridges that the embedded AWS is to leave out, to see what they are worth.
    quotas: what the embedded AWS refuses and delays, and what the product is told of it; None: everything is quick.
    parameters: of the templates, beside and before those that the stack gives itself.
    example_tenant: whose site the landing page links to.
    """

    def __init__(
        self,
        root: Path,
        state_dir: Path,
        *,
        detached: bool = True,
        edge_port: int = 0,
        dns_port: int = 0,
        without: Sequence[str] = (),
        quotas: Quotas | None = None,
        parameters: Mapping[str, str] | None = None,
        example_tenant: str | None = None,
    ) -> None:
        self.root, self.state_dir = root.resolve(), state_dir.resolve()
        self.was_running = False
        self.outputs: Mapping[str, str] = {}
        self._ports = {"edge": edge_port, "dns": dns_port}
        self._without = tuple(without)
        self._quotas, self._given = quotas, dict(parameters or {})
        self._example_tenant = example_tenant
        self._children = Children(self.state_dir, detached=detached)
        self._lock = FileLock(self.state_dir / "lock")

    @property
    def env(self) -> Mapping[str, str]:
        """Return what `<state>/env` exports; empty when the stack is down."""
        try:
            words = shlex.split((self.state_dir / "env").read_text(), comments=True)
        except FileNotFoundError:
            return {}
        return dict(word.split("=", 1) for word in words if "=" in word)

    def up(self, on_progress: Progress = lambda _: None) -> Mapping[str, str]:
        """Start everything and deploy; return `env`. A stack that runs is left alone, and `was_running` says so.

        What an earlier start left over (killed processes, half a state) is cleaned away first. Raises StackFailed.
        """
        self.state_dir.mkdir(parents=True, exist_ok=True)
        with self._alone(), interruptible():
            self.was_running = self.runs()
            if self.was_running:
                on_progress(Step("the local AWS is running already", 0))
                return self.env
            if self._children.recorded() or (self.state_dir / "env").exists():
                with told(on_progress, "cleaning up after an earlier start"):
                    self._remove()
            else:
                self._remove()
            try:
                return self._start(on_progress)
            except BaseException:
                self._remove()
                raise

    def down(self) -> bool:
        """End every process and remove all state but the logs; return whether anything ran."""
        if not self.state_dir.exists():
            return False
        with self._alone():
            return self._remove()

    def _alone(self) -> FileLock:
        try:
            return self._lock.acquire(timeout=0)  # type: ignore[return-value]
        except Timeout:
            message = f"Another command is starting or stopping the stack in {self.state_dir}: wait until it is done."
            raise StackFailed(message) from None

    # ---- up ----

    def _start(self, on_progress: Progress) -> Mapping[str, str]:
        for folder in ("logs", "scratch", "data", "mail"):
            (self.state_dir / folder).mkdir(exist_ok=True)
        for log in (self.state_dir / "logs").glob("*.log"):
            log.unlink()
        backend_port = loopback.free_port()
        backend_url = f"http://{loopback.V4}:{backend_port}"
        emulator = self._start_emulator(backend_url)
        sam_logs = self.state_dir / "logs"
        with told(on_progress, "building the pages"):
            shown = pages.built(self.root, self._children, self._environment(), sam_logs, on_progress)
        with ExitStack() as built:
            with told(on_progress, "building the functions and layers"):
                template = built.enter_context(Sam(self.root, self._children, self._environment(), sam_logs).built())
            with told(on_progress, "starting the embedded AWS, edge and name server"):
                places = {**self._await_emulator(emulator), "backend_url": backend_url}
            self.outputs = self._deploy(template, places, on_progress)
        with told(on_progress, "starting the backend"):
            self._start_backend(backend_port, places)
            self._await_answer(f"{backend_url}/healthz", "backend", "The backend did not start")
        with told(on_progress, "uploading the pages"):
            shown.insert(0, pages.config(BASE_DOMAIN, self._example_tenant))
            pages.upload(self.client("s3", places), self.outputs[Output.ASSETS_BUCKET], shown)
        with told(on_progress, "waiting until the distribution is deployed"):
            deploy = self._quotas.scaled().deploy_seconds if self._quotas else DEPLOY_SECONDS
            problem = "The edge does not serve the distribution"
            self._await_answer(places["edge_url"], "emulator", problem, places["ca"], _READY_SECONDS + deploy)
        self._write_env(places)
        return self.env

    def _deploy(self, template: Path, places: Mapping[str, str], on_progress: Progress) -> dict[str, str]:
        environment = {**self._environment(), **settings.credentials(places)}
        sam = Sam(self.root, self._children, environment, self.state_dir / "logs")
        client = self.client("cloudformation", places)
        parameters = settings.parameters(places, self.state_dir, self._quotas, self._given)
        outputs: dict[str, str] = {}
        with told(on_progress, "deploying zone, data and edge"):
            for stack, file in PLAIN.items():
                outputs |= cloudformation.create(client, stack, self.root / file, parameters)
        with told(on_progress, "deploying the control plane"):
            return outputs | sam.deploy(MAIN, template, parameters, client)

    def _environment(self) -> dict[str, str]:
        """Return the environment of every child: nothing of the user's AWS settings may reach it."""
        inherited = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("AWS_", "SAM_", "FLUXION_", "PYTHON", "VIRTUAL_ENV"))
        }
        local = ",".join(filter(None, [inherited.get("NO_PROXY"), loopback.V4, "localhost"]))
        return {
            **inherited,
            "PYTHONPATH": str(self.root),
            "PYTHONUNBUFFERED": "1",
            # The emulator has a tmp of its own, which it empties when it starts and when it ends.
            "TMPDIR": str(self.state_dir / "scratch"),
            "NO_PROXY": local,
            "no_proxy": local,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
        }

    def _start_emulator(self, backend_url: str) -> int:
        python = os.environ.get("LOCAL_AWS_PYTHON") or str(self.root / ".venvs" / "emulator" / "bin" / "python")
        if not Path(python).exists():
            raise StackFailed(f"The embedded AWS is not installed ({python}): run `make up`, which installs it.")
        options = {
            "--state": self.state_dir,
            "--port": 0,
            "--edge-port": self._ports["edge"],
            "--dns-port": self._ports["dns"],
            "--origin": f"origin.{BASE_DOMAIN}={backend_url}",
            "--record-ttl": RECORD_TTL,
            "--cache": self.root / ".local" / "cache" / "code",
        }
        if self._quotas:
            options["--quotas"] = self._quotas.to_json()
        else:
            options |= {"--insync-seconds": INSYNC_SECONDS, "--deploy-seconds": DEPLOY_SECONDS}
            if "AliasQuota" in self._given:
                options["--aliases"] = self._given["AliasQuota"]
        if self._without:
            options["--off"] = ",".join(self._without)
        arguments = [str(part) for pair in options.items() for part in pair]
        command = [python, "-m", "local_aws", *arguments]
        return self._children.start("emulator", command, self._environment(), self.root)

    def _await_emulator(self, pid: int) -> dict[str, str]:
        ready = self.state_dir / "emulator.json"
        self._await(ready.exists, pid, "emulator", "The embedded AWS did not start")
        places: dict[str, str] = json.loads(ready.read_text())
        return places

    def _start_backend(self, port: int, places: Mapping[str, str]) -> None:
        variables = settings.of_backend(places, self.outputs, port)
        folders = {
            "TENANTS_DIRECTORY": str(self.state_dir / "data"),
            "PYTHONPATH": os.pathsep.join([str(self.root), str(self.root / "layers" / "tenancy")]),
        }
        command = [sys.executable, "-m", "uvicorn", "--factory", "local.oidc.beside_backend:from_environment"]
        command += ["--host", loopback.V4, "--port", str(port), "--no-access-log"]
        self._children.start("backend", command, {**self._environment(), **variables, **folders}, self.root)

    def _await_answer(
        self, url: str, child: str, failure: str, authority: str | None = None, patience: float = _READY_SECONDS
    ) -> None:
        request = urllib.request.Request(url, headers={"Host": BASE_DOMAIN})  # noqa: S310 - our own address
        context = ssl.create_default_context(cafile=authority) if authority else None
        last: list[str] = []

        def answers() -> bool:
            try:
                with urllib.request.urlopen(request, timeout=2, context=context) as answer:  # noqa: S310
                    return bool(answer.status == 200)
            except OSError as error:
                last[:] = [str(error)]
                return False

        self._await(answers, self._children.named(child) or 0, child, failure, last, patience)

    def _await(
        self,
        condition: Any,
        pid: int,
        name: str,
        failure: str,
        reasons: Sequence[str] = (),
        patience: float = _READY_SECONDS,
    ) -> None:
        until = time.monotonic() + patience
        while not condition():
            if not self._children.alive(pid) or time.monotonic() > until:
                log = self.state_dir / "logs" / f"{name}.log"
                said = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
                ended = not self._children.alive(pid)
                reason = (said if ended or not reasons else reasons)[-1:] or ["it said nothing"]
                raise StackFailed(f"{failure}: {reason[0]} (the whole output: {log})")
            time.sleep(0.03)

    def _write_env(self, places: Mapping[str, str]) -> None:
        values = settings.of_shell(places, self.state_dir)
        lines = [f"export {name}={shlex.quote(text)}" for name, text in values.items()]
        new = self.state_dir / "env.new"
        new.touch(mode=0o600)
        new.write_text("\n".join(lines) + "\n")
        new.replace(self.state_dir / "env")

    def client(self, service: str, places: Mapping[str, str] | None = None) -> Any:
        """Return a boto3 client of this stack, with the administrator's keys."""
        keys = settings.credentials(places) if places else self.env
        session: Any = boto3.Session()  # the types know each service by a literal name
        return session.client(
            service,
            endpoint_url=keys["AWS_ENDPOINT_URL"],
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
            config=Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 3}),
        )

    # ---- running, and down ----

    def runs(self) -> bool:
        """Return whether the stack is up and all its processes live."""
        return bool(self.env) and all(self._children.named(name) for name in ("emulator", "backend"))

    def pids(self) -> list[int]:
        """Return the session leaders: the emulator, whose session has the functions too, and the backend."""
        return [entry.pid for entry in self._children.recorded()]

    def _remove(self) -> bool:
        with undisturbed():
            ended = self._children.end_all()
            self._empty()
        return bool(ended)

    def _empty(self) -> None:
        for path in self.state_dir.iterdir():
            if _KEPT.fullmatch(path.name):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(FileNotFoundError):
                    path.unlink()
