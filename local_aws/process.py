"""Starts and stops the embedded AWS: MiniStack with its bridges behind the gateway, the edge and the name server.

Writes `<state>/emulator.json` when everything listens: `{pid, aws_url, faults_url, region, account_id, access_key_id,
secret_access_key, edge_url, dns, ca}` (edge_url, dns and ca are null while that server is left out), and the trace to
`<state>/trace.jsonl`. Ends on SIGTERM, SIGINT, or, with --exit-with-parent, when its parent is gone; leaves no process
and no temporary file. Nothing is kept across a restart: MiniStack's persistence loses stream records.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from local_aws import state
from local_aws.quotas import Quotas
from local_aws.state import Settings

TRACING_MARK = Path("/tmp/.aws-xray/initialized")  # noqa: S108


def parse(arguments: list[str] | None = None) -> tuple[Settings, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="python -m local_aws", description=__doc__.split("\n")[0])
    parser.add_argument("--state", type=Path, required=True, help="folder for everything this process writes")
    parser.add_argument("--port", type=int, default=0, help="port of the AWS endpoint (0: any free one)")
    parser.add_argument("--edge-port", type=int, default=0, help="port of the edge, HTTPS")
    parser.add_argument("--dns-port", type=int, default=0, help="port of the name server, UDP and TCP")
    parser.add_argument(
        "--backend", default="http://127.0.0.1:8000", help="base URL of the backend, the origin of /api/*"
    )
    parser.add_argument("--base-domain", default="fluxionia.localhost")
    parser.add_argument(
        "--insync-seconds", type=float, help="until a DNS change is answered (1; with quotas: as they say)"
    )
    parser.add_argument(
        "--deploy-seconds",
        type=float,
        help="until a distribution's change is at the edge (2; with quotas: as they say)",
    )
    parser.add_argument(
        "--quotas", type=_quotas, metavar="JSON", help="keep to AWS's quotas; the values that differ ({}: none)"
    )
    parser.add_argument(
        "--aliases",
        type=int,
        default=Quotas.aliases,
        help="alternate domain names a distribution (100), without quotas",
    )
    parser.add_argument("--record-ttl", type=int, default=5, help="TTL that the name server gives to alias records")
    parser.add_argument("--cache", type=Path, help="folder of unpacked code and layers that outlives this process")
    parser.add_argument("--off", default="", help="comma list of bridges, or validation, to leave out (for tests)")
    parser.add_argument("--no-edge", action="store_true", help="start neither the edge nor the name server")
    parser.add_argument("--exit-with-parent", action="store_true", help="end when the starting process is gone")
    options = parser.parse_args(arguments)
    quotas: Quotas | None = None if "quotas" in options.off.split(",") else options.quotas
    settings = Settings(
        state_dir=options.state.resolve(),
        backend=options.backend,
        port=options.port,
        edge_port=options.edge_port,
        dns_port=options.dns_port,
        insync_seconds=_first(
            options.insync_seconds, quotas.insync_seconds if quotas else None, Settings.insync_seconds
        ),
        deploy_seconds=_first(
            options.deploy_seconds, quotas.deploy_seconds if quotas else None, Settings.deploy_seconds
        ),
        quotas=quotas,
        aliases=options.aliases,
        record_ttl=options.record_ttl,
        base_domain=options.base_domain,
        cache_dir=options.cache.resolve() if options.cache else None,
    )
    return settings, options


def _quotas(text: str) -> Quotas:
    try:
        return Quotas.parse(text).scaled()
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _first(*seconds: float | None) -> float:
    return next(given for given in seconds if given is not None)


def prepare(settings: Settings) -> socket.socket:
    """Folders, environment and the listening socket; before MiniStack is imported, which reads the environment."""
    temporary = settings.state_dir / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    (settings.state_dir / "emulator.json").unlink(missing_ok=True)
    tempfile.tempdir = str(temporary)
    listener = socket.create_server((settings.host, settings.port), backlog=1024)
    for name in [name for name in os.environ if name.startswith(("AWS_", "LAMBDA_", "MINISTACK_", "LOCALSTACK_"))]:
        del os.environ[name]  # what the shell points at is not this process's business
    os.environ.update(
        TMPDIR=str(temporary),
        AUTH="true",
        BIND_HOST=settings.host,
        GATEWAY_PORT=str(listener.getsockname()[1]),
        MINISTACK_HOST="localhost",
        MINISTACK_ACCOUNT_ID=state.ACCOUNT,
        MINISTACK_REGION=state.REGION,
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        PERSIST_STATE="0",
        S3_PERSIST="0",
        S3_DATA_DIR=str(temporary / "s3"),
        STATE_DIR=str(temporary / "state"),
        DOCKER_HOST="tcp://127.0.0.1:9",
        LAMBDA_EXECUTOR="local",
        MINISTACK_WORKER_THREADS="128",
        LAMBDA_WARM_TTL_SECONDS="60",
        LOG_LEVEL=os.environ.get("LOG_LEVEL", "INFO"),
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else soft, hard))
    return listener


class Emulator:
    """Everything that was started, to be stopped in the reverse order."""

    def __init__(self, settings: Settings, listener: socket.socket, off: list[str], with_edge: bool) -> None:
        self.settings, self.listener, self.with_edge = settings, listener, with_edge
        self.servers: list[Any] = []
        state.configure(settings)
        from local_aws import services
        from local_aws.gateway import trace
        from local_aws.services import shortcuts, unchecked

        self.validates = "validation" not in off
        services.install_all(settings, [name for name in off if name != "validation"])
        shortcuts.install()
        if with_edge:
            unchecked.install(settings, off)
        self.trace = trace.start(settings.state_dir / "trace.jsonl")

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop` is set."""
        from hypercorn.asyncio import serve
        from hypercorn.config import Config
        from ministack.app import app

        from local_aws.gateway import connections
        from local_aws.gateway.faults import faulty
        from local_aws.gateway.gateway import Gateway, traced
        from local_aws.gateway.validation import valid
        from local_aws.quotas import limited, slow

        connections.install()

        config = Config()
        config.bind = [f"fd://{self.listener.fileno()}"]
        config.keep_alive_timeout = 75
        config.graceful_timeout = 0.2
        config.loglevel = "WARNING"
        quotas = self.settings.quotas
        middleware = [
            traced,
            *([limited(quotas)] if quotas else []),
            *([valid] if self.validates else []),
            faulty,
            slow(quotas or Quotas()),
        ]
        server = asyncio.create_task(serve(Gateway(app, middleware), config, shutdown_trigger=stop.wait))
        ready = asyncio.create_task(asyncio.to_thread(self._announce))
        await asyncio.wait({server, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and ready.exception():
            stop.set()
            await server
            ready.result()
        await server

    def _announce(self) -> None:
        """Waits until MiniStack answers, starts the data plane, and writes emulator.json."""
        from urllib.request import urlopen

        from local_aws.gateway import faults, identity, validation

        port = self.listener.getsockname()[1]
        for _ in range(600):
            try:
                urlopen(f"http://{self.settings.host}:{port}/_ministack/health", timeout=2).close()
                break
            except OSError:
                time.sleep(0.02)
        key, secret = identity.create_administrator()
        threading.Thread(target=validation.preload, daemon=True).start()
        facts: dict[str, Any] = {
            "pid": os.getpid(),
            "aws_url": f"http://{self.settings.host}:{port}",
            "faults_url": f"http://{self.settings.host}:{port}{faults.PATH}",
            "region": state.REGION,
            "account_id": state.ACCOUNT,
            "access_key_id": key,
            "secret_access_key": secret,
            "edge_url": None,
            "dns": None,
            "ca": None,
        }
        if self.with_edge:
            edge = import_module("local_aws.edge").serve(self.settings)
            self.servers.append(edge)
            names = import_module("local_aws.services.route53.name_server").serve(self.settings)
            self.servers.append(names)
            facts |= {
                "edge_url": f"https://{self.settings.host}:{edge.port}",
                "dns": f"{self.settings.host}:{names.port}",
                "ca": str(edge.ca),
            }
        unfinished = self.settings.state_dir / "emulator.json.new"
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(facts, indent=2) + "\n")
        unfinished.rename(self.settings.state_dir / "emulator.json")

    def close(self) -> None:
        from local_aws.services.aws_lambda import environment

        for server in reversed(self.servers):
            server.close()
        environment.end_all()
        self.trace.close()
        (self.settings.state_dir / "emulator.json").unlink(missing_ok=True)
        shutil.rmtree(self.settings.state_dir / "tmp", ignore_errors=True)
        with contextlib.suppress(OSError):  # the tracing SDK of the functions touches this file, wherever TMPDIR is
            TRACING_MARK.unlink()
            TRACING_MARK.parent.rmdir()


def _watch_parent() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGTERM)


def main(arguments: list[str] | None = None) -> None:
    settings, options = parse(arguments)
    if options.exit_with_parent:
        threading.Thread(target=_watch_parent, daemon=True).start()
    listener = prepare(settings)
    emulator = Emulator(settings, listener, [name for name in options.off.split(",") if name], not options.no_edge)

    async def until_stopped() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await emulator.run(stop)

    code = 0
    try:
        asyncio.run(until_stopped())
    except Exception as error:  # noqa: BLE001
        print(f"the embedded AWS stopped: {type(error).__name__}: {error}", file=sys.stderr)
        code = 1
    emulator.close()
    sys.stdout.flush()
    os._exit(code)  # threads of running executions must not hold the process
