"""Serve the edge: HTTPS in a thread of its own, with its own event loop."""

import asyncio
import json
import socket
import threading
from collections.abc import Mapping
from typing import Any

import uvicorn

from local_aws import loopback
from local_aws.edge.certificates import Certificates
from local_aws.edge.origins import Origins
from local_aws.edge.source import Source
from local_aws.edge.viewer import Edge
from local_aws.propagation import Change
from local_aws.settings import Settings

_START_SECONDS = 10.0


class EdgeServer:
    """The running edge. `port`: the port on 127.0.0.1 (and ::1 where there is one); `ca`: PEM file of its authority."""

    def __init__(self, settings: Settings, source: Source) -> None:
        self.ca = settings.state_dir / "ca.pem"
        self._log = (settings.state_dir / "edge.jsonl").open("a", buffering=1)
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        wanted = [(socket.SOCK_STREAM, settings.host)]
        if loopback.has_v6():
            wanted.append((socket.SOCK_STREAM, loopback.V6))
        self._sockets = loopback.bind_together(settings.edge_port, *wanted)
        self.port: int = self._sockets[0].getsockname()[1]
        self._settings, self._source = settings, source
        self._thread = threading.Thread(target=self._run, name="edge", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_SECONDS) or self._failure:
            raise RuntimeError(f"the edge did not start on port {self.port}") from self._failure
        source.on_change(self._changed)

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits for the start
            self._failure = error
            self._ready.set()

    async def _main(self) -> None:
        origins = Origins(self._source, self._settings.origins)
        self._edge = Edge(self._source, origins, self._write)
        certificates = Certificates(
            self.ca, lambda: [view.certificate_names for view in self._source.distributions() if view.certificate_names]
        )
        config = uvicorn.Config(
            self._edge,
            ssl_context_factory=lambda *_: certificates.server_context(),
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,  # the viewer is who connects, whatever it claims
            server_header=False,
            date_header=False,
            http="h11",
            ws="none",
            timeout_keep_alive=60,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(config)
        serving = asyncio.create_task(self._server.serve(sockets=self._sockets))
        while not self._server.started and not serving.done():
            await asyncio.sleep(0.005)
        self._ready.set()
        await serving
        await origins.close()

    def _changed(self, change: Change) -> None:
        if change.kind == "invalidation":
            self._edge.cache.invalidate(change.id, change.items)

    def _write(self, line: Mapping[str, Any]) -> None:
        self._log.write(json.dumps(line) + "\n")

    def close(self) -> None:
        """Stop listening, end all threads, and return when done."""
        self._server.should_exit = True
        self._thread.join(10)
        self._log.close()


def serve(settings: Settings, source: Source) -> EdgeServer:
    """Start the edge and return once it listens.

    source: where distributions come from. Raises OSError if the wanted port is taken.
    """
    return EdgeServer(settings, source)
