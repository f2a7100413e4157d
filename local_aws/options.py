"""Read the command line of `python -m local_aws`."""

from __future__ import annotations

import argparse
from pathlib import Path

from local_aws.quotas import Quotas
from local_aws.settings import Settings


def parse(arguments: list[str] | None = None) -> tuple[Settings, argparse.Namespace]:
    """Return the settings, and what concerns the process alone: off, no_edge, exit_with_parent, any_version."""
    options = _parser().parse_args(arguments)
    quotas: Quotas | None = None if "quotas" in options.off else options.quotas
    speeds = {
        name: next(
            seconds
            for seconds in (getattr(options, name), getattr(quotas, name, None), getattr(Settings, name))
            if seconds is not None
        )
        for name in ("insync_seconds", "deploy_seconds")
    }
    settings = Settings(
        state_dir=options.state.resolve(),
        origins=dict(options.origin),
        port=options.port,
        edge_port=options.edge_port,
        dns_port=options.dns_port,
        quotas=quotas,
        aliases=options.aliases,
        record_ttl=options.record_ttl,
        cache_dir=options.cache.resolve() if options.cache else None,
        **speeds,
    )
    return settings, options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local_aws", description="An AWS in one process of this machine.")
    add = parser.add_argument
    add("--state", type=Path, required=True, help="folder for everything this process writes")
    add("--port", type=int, default=0, help="port of the AWS endpoint (0: any free one)")
    add("--edge-port", type=int, default=0, help="port of the edge, HTTPS")
    add("--dns-port", type=int, default=0, help="port of the name server, UDP and TCP")
    add(
        "--origin", type=_origin, action="append", default=[], metavar="HOST=URL", help="who stands for a custom origin"
    )
    add("--insync-seconds", type=float, help="until a DNS change is answered (1; with quotas: as they say)")
    add(
        "--deploy-seconds",
        type=float,
        help="until a distribution's change is deployed (2; with quotas: as they say)",
    )
    add("--quotas", type=_quotas, metavar="JSON", help="keep to AWS's quotas; the values that differ ({}: none)")
    add("--aliases", type=int, default=Quotas.aliases, help="aliases a distribution (100), without quotas")
    add("--record-ttl", type=int, default=5, help="TTL that the name server gives to alias records")
    add("--cache", type=Path, help="folder of unpacked code and layers that outlives this process")
    add("--off", type=_names, default=[], help="comma list of bridges, or validation, to leave out (for tests)")
    add("--no-edge", action="store_true", help="start neither the edge nor the name server")
    add("--exit-with-parent", action="store_true", help="end when the starting process is gone")
    add(
        "--any-version",
        action="store_true",
        help="on another MiniStack than the pinned one (for tests)",
    )
    return parser


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


def _origin(text: str) -> tuple[str, str]:
    host, found, url = text.partition("=")
    if not (host and found and url.startswith("http")):
        raise argparse.ArgumentTypeError(f"{text!r} is not of the form HOST=URL")
    return host.lower(), url


def _quotas(text: str) -> Quotas:
    try:
        return Quotas.parse(text).scaled()
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
