"""The settings with which this embedded AWS was started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from local_aws.quotas import Quotas

ACCOUNT = "000000000000"
REGION = "us-east-1"


@dataclass(frozen=True)
class Settings:
    """The settings of this emulator. Ports are what was asked for; 0 is any free one."""

    state_dir: Path
    origins: Mapping[str, str] = field(default_factory=dict)
    """Host name, lower case, of a distribution's custom origin → base URL of the server of this machine behind it."""
    port: int = 0
    edge_port: int = 0
    dns_port: int = 0
    insync_seconds: float = 1.0
    deploy_seconds: float = 2.0
    record_ttl: int = 5
    """TTL in seconds that the name server answers for alias records (Route 53 takes the target's own)."""
    host: str = "127.0.0.1"
    cache_dir: Path | None = None
    """Where unpacked code and layers are kept; None: below the state folder, gone with it."""
    quotas: Quotas | None = None
    """AWS's quotas in this emulator's own time (`Quotas.scaled`); None: nothing is throttled, and numbers are AWS's."""
    aliases: float = Quotas.aliases
    """Alternate domain names that a distribution may have where there are no quotas, as if AWS had raised that one."""


class Server(Protocol):
    """A running server, as `serve(settings)` of the edge and of the name server returns it, once it listens.

    Both run in threads of their own (the edge with its own event loop): the caller's loop is MiniStack's.
    """

    port: int

    def close(self) -> None:
        """Stop listening, end all threads, and return when done."""
