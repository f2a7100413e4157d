"""Start and stop the embedded AWS: MiniStack with its bridges behind the gateway, the edge and the name server.

Writes `<state>/emulator.json` when everything listens: `{pid, aws_url, faults_url, region, account_id, access_key_id,
secret_access_key, edge_url, dns, ca}` (edge_url, dns and ca are null while that server is left out), and the trace to
`<state>/trace.jsonl`. Ends on SIGTERM, SIGINT, or, with --exit-with-parent, when its parent is gone; leaves no process
and no temporary file. Nothing is kept across a restart: MiniStack's persistence loses stream records.
"""

from __future__ import annotations

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
from argparse import Namespace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from local_aws import propagation
from local_aws.options import parse
from local_aws.quotas import Quotas
from local_aws.settings import ACCOUNT, REGION, Server, Settings

TRACING_MARK = Path("/tmp/.aws-xray/initialized")  # noqa: S108


def prepare(settings: Settings) -> socket.socket:
    """Make folders, environment and the listening socket, before MiniStack is imported, which reads the environment."""
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
        MINISTACK_ACCOUNT_ID=ACCOUNT,
        MINISTACK_REGION=REGION,
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
    """The started parts, to be stopped in the reverse order."""

    def __init__(self, settings: Settings, listener: socket.socket, options: Namespace) -> None:
        self.settings, self.listener, self.with_edge = settings, listener, not options.no_edge
        self.servers: list[Server] = []
        propagation.configure(settings)
        from local_aws import services
        from local_aws.gateway import trace
        from local_aws.services import shortcuts, unchecked

        off = options.off
        self.validates = "validation" not in off
        services.install_all(settings, [name for name in off if name != "validation"], any_version=options.any_version)
        shortcuts.install()
        if self.with_edge:
            unchecked.install(settings, off)
        self.trace = trace.start(settings.state_dir / "trace.jsonl")

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set."""
        from hypercorn.asyncio import serve
        from hypercorn.config import Config
        from ministack.app import app

        from local_aws.gateway import connections
        from local_aws.gateway.application import Gateway

        connections.install()
        config = Config()
        config.bind = [f"fd://{self.listener.fileno()}"]
        config.keep_alive_timeout = 75
        config.graceful_timeout = 0.2
        config.loglevel = "WARNING"
        server = asyncio.create_task(serve(Gateway(app, self._middlewares()), config, shutdown_trigger=stop.wait))
        ready = asyncio.create_task(asyncio.to_thread(self._announce))
        await asyncio.wait({server, ready}, return_when=asyncio.FIRST_COMPLETED)
        if ready.done() and ready.exception():
            stop.set()
            await server
            ready.result()
        await server

    def _middlewares(self) -> list[Any]:
        """Return what a call crosses, outermost first."""
        from local_aws.gateway.application import traced
        from local_aws.gateway.faults import faulty
        from local_aws.gateway.limits import limited, slow
        from local_aws.gateway.validation import valid

        quotas = self.settings.quotas
        limits = [limited(quotas)] if quotas else []
        return [traced, *limits, *([valid] if self.validates else []), faulty, slow(quotas or Quotas())]

    def _announce(self) -> None:
        """Wait until MiniStack answers, start the data plane, and write emulator.json."""
        from local_aws.gateway import faults, identity, validation

        url = f"http://{self.settings.host}:{self.listener.getsockname()[1]}"
        for _ in range(600):
            try:
                urlopen(f"{url}/_ministack/health", timeout=2).close()  # noqa: S310 - our own address
                break
            except OSError:
                time.sleep(0.02)
        key, secret = identity.create_administrator()
        threading.Thread(target=validation.preload, daemon=True).start()
        facts = {
            "pid": os.getpid(),
            "aws_url": url,
            "faults_url": f"{url}{faults.PATH}",
            "region": REGION,
            "account_id": ACCOUNT,
            "access_key_id": key,
            "secret_access_key": secret,
            **self._data_plane(),
        }
        unfinished = self.settings.state_dir / "emulator.json.new"
        unfinished.touch(mode=0o600)
        unfinished.write_text(json.dumps(facts, indent=2) + "\n")
        unfinished.rename(self.settings.state_dir / "emulator.json")

    def _data_plane(self) -> dict[str, str | None]:
        """Start the edge and the name server, if they are wanted; return where they are."""
        if not self.with_edge:
            return {"edge_url": None, "dns": None, "ca": None}
        from local_aws import edge
        from local_aws.edge.control_plane import ControlPlane
        from local_aws.services.route53 import name_server, zones

        pages = edge.serve(self.settings, ControlPlane())
        self.servers.append(pages)
        names = name_server.serve(self.settings, zones.HostedZones())
        self.servers.append(names)
        host = self.settings.host
        return {"edge_url": f"https://{host}:{pages.port}", "dns": f"{host}:{names.port}", "ca": str(pages.ca)}

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
    emulator = Emulator(settings, listener, options)

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
