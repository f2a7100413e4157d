"""`python -m local_aws.bridges.probe`: print what each bridge leans on in this interpreter's MiniStack, as JSON.

Prints `{bridge: {"targets": {name: source}, "error": text or null}}`. A bridge with an error is not installed, or only
in part; the next ones are tried all the same. Runs in the emulator's own environment, in a process of its own.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from local_aws import patching, propagation
from local_aws.process import prepare
from local_aws.quotas import Quotas
from local_aws.settings import Settings


def main() -> None:
    """Install every bridge into a MiniStack that serves nobody."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(state_dir=Path(folder), quotas=Quotas())
        prepare(settings).close()
        propagation.configure(settings)
        from local_aws import services

        json.dump({bridge: _tried(services.install, bridge, settings) for bridge in services.BRIDGES}, sys.stdout)


def _tried(install: Callable[[str, Settings], None], bridge: str, settings: Settings) -> dict[str, object]:
    with patching.noted() as targets:
        try:
            install(bridge, settings)
        except Exception as error:  # noqa: BLE001 - whatever another version does to a bridge is what is asked for
            return {"targets": targets, "error": f"{type(error).__name__}: {error}"}
    return {"targets": targets, "error": None}


if __name__ == "__main__":
    main()
