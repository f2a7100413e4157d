"""Show a run stage by stage, and how it ended."""

from collections.abc import Callable, Iterator

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from cli import display
from cli.errors import Refused
from cli.options import RunOptions
from cli.progress import Progress, follow
from cli.session import Session, who


def follow_or_say(options: RunOptions, tenant_id: str, *, after: str, at: str) -> None:
    """Watch the run that was asked for or, unless somebody wants to watch, say that it was.

    after: `control.progress.run_of` the record before it. at: when it was asked for.
    """
    session, timeout, as_json = options.session, options.timeout, options.as_json
    if options.watch:
        watch_until_end(session, tenant_id, after=after, at=at, timeout=timeout, as_json=as_json)
    elif as_json:
        display.document({"tenant_id": tenant_id, "requested_at": at, "requested_by": who()})
    else:
        typer.echo(f"{tenant_id}: asked for. `fluxion tenants watch {tenant_id}` shows how far it is.")


def watch_until_end(
    session: Session,
    tenant_id: str,
    *,
    after: str | None = None,
    at: str | None = None,
    timeout: float,
    as_json: bool,
) -> None:
    """Show one run until it has ended, and how. Exits with 1 unless it ended well. Raises Refused after ``timeout``.

    after, at: as above, where they are known.
    """
    try:
        last = shown(follow(session.tables, tenant_id, after=after, asked_at=at, timeout=timeout), quiet=as_json)
    except TimeoutError as error:
        raise Refused(f"{error}; it goes on without being watched.") from None
    if as_json:
        display.document(last.document)
    else:
        tell_outcome(last, session.site)
    if not last.has_ended_well:
        raise typer.Exit(1)


def shown(moments: Iterator[Progress], *, quiet: bool = False) -> Progress:
    """Show stages as they happen until the run has ended, and return the last moment.

    In a terminal the running stage is shown live; elsewhere each stage is one line when it has ended.
    """
    console = Console(stderr=True, quiet=quiet, highlight=False)
    last: Progress | None = None
    shown = 0
    with console.status("waiting for the first stage") as spinner:
        for last in moments:
            ended = [stage for stage in last.stages if stage.seconds is not None]
            if len(ended) < shown:  # another run has begun
                shown = 0
            for stage in ended[shown:]:
                console.print(_stage_line(stage.name, stage.seconds or 0.0, stage.event or ""))
            shown = len(ended)
            running = next((stage.name for stage in last.stages if stage.seconds is None), None)
            spinner.update(display.text(running or "waiting for the first stage"))
    if last is None:
        raise ValueError("nothing to watch")
    return last


def tell_outcome(last: Progress, site: Callable[[str], str]) -> None:
    """Print the address of the site (``site``: host → address), or what went wrong and who must do what."""
    record = last.record or {}
    display.line(f"{last.tenant_id}: {record.get('status', 'not seen yet')} (operation {last.state})")
    if last.waits_for_confirmation:
        display.line(f"  held until somebody confirms it: fluxion tenants remove --held {last.tenant_id}")
        return
    if last.is_held_removal:
        display.line(f"  held until {record['due_at']}" if record.get("due_at") else "  held")
    if last.has_ended_well:
        if record.get("host") and record.get("status") == "ACTIVE":
            display.line(f"  {site(record['host'])}")
        return
    error = record.get("last_error") or {}
    if error:
        display.line(f"  {error.get('stage')}: {error.get('code')}: {error.get('message')}")
        display.line(f"  What to do: {error.get('remedy')}")


def _stage_line(name: str, seconds: float, event: str) -> RenderableType:
    failed = event.endswith(("Failed", "Stalled"))
    mark = ("✗ ", "red") if failed else ("✓ ", "green")
    return Text.assemble(mark, f"{display.clean(name):<18} {seconds:6.1f} s  {display.clean(event)}")
