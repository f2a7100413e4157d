"""`make run`: start a local stack and bring one tenant to life in it, stage by stage.

Stays up until Ctrl-C; with --once it ends when the tenant is live (exit 0) or has failed (exit 1).
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from cli.progress import follow
from cli.session import Session, Where
from control.stacks import MAIN
from control.tables import ControlPlane
from local.stack import Stack, StackFailed, Step, own_folder
from local.stack.settings import DEPLOY_SECONDS, GRACE_SECONDS, INSYNC_SECONDS, RECORD_TTL
from local.stack.signals import Interrupted, interruptible
from local.visit import look_up, site, tenant_row

if TYPE_CHECKING:
    from rich.status import Status

ROOT = Path(__file__).resolve().parent.parent
TENANT: Mapping[str, Any] = {
    "tenant_id": "granja",
    "name": "La Granja Mercado",
    "tier": "standard",
    "contact_email": "hola@granja.example",
    "settings": {"colour": "#2e7d32", "locale": "es"},
}
_ONBOARDING_SECONDS = 240.0


class Terminal:
    """The output for a person: on a terminal a line that changes, elsewhere plain lines."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._status: Status | None = None

    def say(self, text: str = "") -> None:
        """Print a line that stays."""
        self._console.print(text, markup=False)

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Show in a changing line what is going on, which the block tells through `now`."""
        self._status = self._console.status("") if self._console.is_terminal else None
        with self._status or nullcontext():
            yield
        self._status = None

    def now(self, text: str) -> None:
        """Show what is going on at the moment; elsewhere than on a terminal this is a line like any other."""
        if self._status is None:
            self.say(f"  {text} …")
        else:
            self._status.update(text)

    def step(self, step: Step) -> None:
        """Show a step of the start."""
        if step.seconds is None:
            self.now(step.name)
        else:
            self.done(step.name, step.seconds)

    def done(self, name: str, seconds: float, more: str = "") -> None:
        """Print a line for what is over, with its duration in seconds."""
        self.say(f"  {name:<48} {seconds:6.2f} s  {more}".rstrip())


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m local.run", description="Run everything and onboard one tenant.")
    parser.add_argument("--once", action="store_true", help="end when the tenant is live, or has failed")
    parser.add_argument("--port", type=int, default=0, help="port of the edge (0: any free one)")
    options = parser.parse_args(arguments)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    terminal = Terminal()
    try:
        with own_folder(ROOT, "run") as state_dir:
            return _in_folder(state_dir, terminal, options)
    except StackFailed as failure:
        terminal.say(str(failure))
        return 1


def _in_folder(state_dir: Path, terminal: Terminal, options: argparse.Namespace) -> int:
    stack = Stack(ROOT, state_dir, detached=False, edge_port=options.port, example_tenant=TENANT["tenant_id"])
    try:
        with interruptible():
            return _run(stack, terminal, once=options.once)
    except Interrupted:
        return 130
    finally:
        terminal.say("Stopping …")
        stack.down()


def _run(stack: Stack, terminal: Terminal, *, once: bool) -> int:
    terminal.say("Starting a local AWS with the real templates.")
    terminal.say(
        f"Local defaults: DNS in sync after {INSYNC_SECONDS} s, CloudFront deployed after {DEPLOY_SECONDS} s, "
        f"record TTL {RECORD_TTL} s, removed tenants held for {GRACE_SECONDS} s, schedules every minute."
    )
    with terminal.moving():
        stack.up(terminal.step)
    control_plane = Session(Where(stack.env, f"the local AWS in {stack.state_dir}"), MAIN).tables
    live = _onboard(control_plane, terminal) and _show(stack, control_plane, terminal)
    if once:
        return 0 if live else 1
    terminal.say(f"\nEvery client can use this stack:  . {stack.state_dir / 'env'}")
    terminal.say("Ctrl-C stops it.")
    try:
        while stack.runs():
            time.sleep(0.5)
    except Interrupted:
        return 0 if live else 1
    terminal.say(f"A process of the stack has ended by itself: see {stack.state_dir / 'logs'}")
    return 1


def _onboard(control_plane: ControlPlane, terminal: Terminal) -> bool:
    """Put the item, and print each stage as it ends; return whether the tenant became ACTIVE."""
    tenant_id, began, asked_at = TENANT["tenant_id"], time.monotonic(), datetime.now(UTC).isoformat()
    terminal.say(f"\nPutItem into tenants: {json.dumps(dict(TENANT), ensure_ascii=False)}")
    control_plane.add(TENANT)
    told, record = 0, None
    with terminal.moving():
        terminal.now("waiting for the stream")
        try:
            for progress in follow(control_plane, tenant_id, asked_at=asked_at, timeout=_ONBOARDING_SECONDS, pause=0.1):
                record = progress.record
                ended = [stage for stage in progress.stages if stage.seconds is not None]
                for stage in ended[told:]:
                    terminal.done(stage.name, stage.seconds or 0.0, stage.event or "")
                told = len(ended)
                running = [stage.name for stage in progress.stages if stage.seconds is None]
                if running:
                    terminal.now(running[0])
        except TimeoutError as error:
            terminal.say(str(error))
            return False
    if record is not None and record["status"] == "ACTIVE":
        terminal.done(f"{tenant_id} is {record['status']}", time.monotonic() - began)
        return True
    last = (record or {}).get("last_error") or {}
    terminal.say(f"{tenant_id} is {(record or {}).get('status')}: {last.get('code')} in {last.get('stage')}")
    terminal.say("\n".join(str(last[key]) for key in ("message", "remedy") if last.get(key)))
    return False


def _show(stack: Stack, control_plane: ControlPlane, terminal: Terminal) -> bool:
    """Print the site, the records and the row of the running system; return whether the site answered."""
    env, tenant_id = stack.env, TENANT["tenant_id"]
    host, port = f"{tenant_id}.{env['FLUXION_BASE_DOMAIN']}", env["FLUXION_EDGE_URL"].rpartition(":")[2]
    record = control_plane.record(tenant_id) or {}
    answers = look_up(host, env["FLUXION_DNS"])
    page, api = site(host, env["FLUXION_EDGE_URL"], env["FLUXION_CA"])
    data, mail = Path(env["FLUXION_DATA_DIR"]), Path(env["FLUXION_MAIL_DIR"])
    letters = len([path for path in mail.rglob("*") if path.is_file()])
    base = env["FLUXION_BASE_DOMAIN"]
    rows = {
        "Site": f"https://{host}:{port}/  (answered {page.status_code}, {page.elapsed.total_seconds() * 1000:.0f} ms)",
        "Landing": f"https://{base}:{port}/  (and https://www.{base}:{port}/, redirected)",
        "Panel": f"https://admin.{base}:{port}/  (operator or viewer: whoever is chosen, without a password)",
        "API's own": f"https://api.{base}:{port}/api/",
        "API": f"/api/tenant  {api.status_code}  {api.text.strip()}",
        "DNS": ", ".join(f"{kind} {address}" for kind, address in answers) or "no answer",
        "Row": json.dumps(tenant_row(data, tenant_id), ensure_ascii=False, default=str),
        "E-mails": f"{mail}  ({letters} so far)",
        "Database": _file(data / str(record.get("database_path"))),
        "Authority": f"{env['FLUXION_CA']}  (a browser warns until it trusts this file)",
    }
    terminal.say()
    for name, text in rows.items():
        terminal.say(f"  {name:<10} {text}")
    answered = page.status_code == api.status_code == 200 and api.json().get("tenant_id") == tenant_id
    return answered and bool(answers)


def _file(path: Path) -> str:
    return f"{path}  ({path.stat().st_size:,} bytes)" if path.is_file() else f"{path} is missing"


if __name__ == "__main__":
    sys.exit(main())
