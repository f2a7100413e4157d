"""An embedded AWS of its own: one `python -m local_aws` without edge and name server."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[3]


def interpreter() -> str:
    """Python of the emulator's own environment."""
    return os.environ.get("LOCAL_AWS_PYTHON") or str(ROOT / ".venvs/emulator/bin/python")


class Emulator:
    """One `python -m local_aws` in its own state folder."""

    def __init__(self, state: Path, *options: str) -> None:
        self.state = state
        state.mkdir(parents=True, exist_ok=True)
        with (state / "log").open("w") as log:
            self.process = subprocess.Popen(
                [
                    interpreter(),
                    "-m",
                    "local_aws",
                    "--state",
                    str(state),
                    "--no-edge",
                    "--exit-with-parent",
                    *(["--any-version"] if os.environ.get("LOCAL_AWS_ANY_VERSION") else []),
                    *options,
                ],
                cwd=ROOT,
                env={
                    "LOCAL_AWS_LATENCY": "0.1",
                    "LOCAL_AWS_STREAM_POLL_SECONDS": "0.1",
                    **os.environ,
                    "PYTHONPATH": str(ROOT),
                },
                stdout=log,
                stderr=log,
            )
        self.facts = self._wait()

    def _wait(self) -> dict[str, Any]:
        for _ in range(300):
            if (self.state / "emulator.json").exists():
                return json.loads((self.state / "emulator.json").read_text())
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError((self.state / "log").read_text()[-3000:])

    def client(self, service: str, access_key: str | None = None, secret_key: str | None = None) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.facts["aws_url"],
            region_name=self.facts["region"],
            aws_access_key_id=access_key or self.facts["access_key_id"],
            aws_secret_access_key=secret_key or self.facts["secret_access_key"],
            config=Config(retries={"total_max_attempts": 1}, read_timeout=30),
        )

    def trace(self) -> list[dict[str, Any]]:
        time.sleep(0.12)
        return [json.loads(line) for line in (self.state / "trace.jsonl").read_text().splitlines()]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(15)
