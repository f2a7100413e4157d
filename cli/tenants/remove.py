"""`fluxion tenants remove`: a tenant's item goes, after a person has said so twice; mass removals are confirmed."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import tenants
from cli.tenants import Json, Local, Stack, Timeout, Watch, Yes, app

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.aws import ControlPlane


@app.command()
def remove(
    tenant_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", show_default=False)] = None,
    held: Annotated[
        bool, typer.Option("--held", help="Confirm removals that are held for it: all, or these IDs.")
    ] = False,
    yes: Yes = False,
    watch: Watch = True,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Delete a tenant's item. The site stays up for the grace period, and putting the item back cancels."""
    from cli.errors import Refused

    ids = list(dict.fromkeys(tenant_ids or []))
    if held:
        _confirm_held(tenants.connected(stack, local), ids, yes, as_json)
    elif len(ids) == 1:
        _remove(tenants.connected(stack, local), ids[0], yes, (watch, timeout), as_json)
    else:
        raise Refused("Name one tenant, or say --held to confirm removals that are held.")


def _remove(
    control_plane: "ControlPlane", tenant_id: str, yes: bool, watching: tuple[bool, float], as_json: bool
) -> None:
    from dataclasses import asdict

    from cli import display, progress
    from cli.errors import Refused

    found = control_plane.typed_item(tenant_id)
    record = control_plane.record(tenant_id)
    if found is None:
        raise Refused(f"There is no item '{tenant_id}'" + (": it is removed already." if record else "."))
    display.note(
        f"'{tenant_id}' will be removed. The site stays up for the grace period; until its end, putting the item back "
        "(or `fluxion tenants add`) cancels. After it the DNS records, the alias and the database go, and the database "
        "is archived."
    )
    _ask("the tenant's id", tenant_id, yes)
    # What DynamoDB deleted counts. Nothing comes back where it was gone already, be it by a call of ours whose answer
    # was lost: what was read before is then the last that is known.
    removed = control_plane.remove(tenant_id) or found
    by, at = tenants._who(), tenants._now()
    put_back = control_plane.putting_back(removed)
    say = display.note if as_json else display.line  # at once: watching may be broken off
    say(f"{tenant_id}: removed by {by} at {at}. This brings the item back as it was:")
    say(put_back)
    _say_who(control_plane, tenant_id, by, at)
    last = None
    if watching[0]:
        try:
            before = progress.run_of(record)
            moments = progress.follow(control_plane, tenant_id, after=before, asked_at=at, timeout=watching[1])
            last = display.watch(moments, quiet=as_json)
        except TimeoutError as error:
            display.note(f"{error}; it goes on without being watched.")
            if not as_json:
                raise typer.Exit(1) from None
    if as_json:
        run = {**asdict(last), "state": last.state} if last else None
        answer = {"tenant_id": tenant_id, "removed_by": by, "removed_at": at, "put_back": put_back, "run": run}
        display.document(answer | {"item": control_plane.plain(removed)})
    elif last:
        display.outcome(last, control_plane.site)
    if watching[0] and not (last and last.has_ended_well):
        raise typer.Exit(1)


def _say_who(control_plane: "ControlPlane", tenant_id: str, by: str, at: str) -> None:
    """Put on record who it was. The removal counts without it: the table's stream starts the same run."""
    from cli import display
    from cli.errors import sentence

    try:
        control_plane.say_who_removed(tenant_id, by, at)
    except Exception as caught:
        error = sentence(caught)
        if error is None:
            raise
        display.note(f"The tenant's record will not say who removed it: {error}")


def _held(control_plane: "ControlPlane", only: "Sequence[str]") -> list[str]:
    """Tenants without an item whose removal waits for a person, of those that are named or of all."""
    wanted = {item["tenant_id"] for item in control_plane.items()}
    records = control_plane.records(only) if only else control_plane.all_records()
    return sorted(
        tenant_id
        for tenant_id, record in records.items()
        if record.get("due_for") == "confirmation" and tenant_id not in wanted
    )


def _confirm_held(control_plane: "ControlPlane", only: "Sequence[str]", yes: bool, as_json: bool) -> None:
    from cli import display
    from cli.errors import Refused

    held = _held(control_plane, only)
    if others := sorted(set(only) - set(held)):
        raise Refused(f"No removal is held for confirmation of: {', '.join(others)}. Nothing was started.")
    if held:
        for tenant_id in held:
            display.note(f"  {tenant_id}")
        display.note(f"{len(held)} removals are held. Confirmed, each goes on as if it had been asked for alone.")
        _ask("the number of tenants", str(len(held)), yes)
    at = tenants._now()
    outcomes = [_confirmed(control_plane, tenant_id, at) for tenant_id in held]
    if as_json:
        display.document(outcomes)
    elif not held:
        display.line("No removal is held for confirmation.")
    else:
        for outcome in outcomes:
            display.line(f"{outcome['tenant_id']}: {outcome['error'] or 'confirmed'}")
    if not all(outcome["started"] for outcome in outcomes):
        raise typer.Exit(1)


def _confirmed(control_plane: "ControlPlane", tenant_id: str, at: str) -> dict[str, Any]:
    """Start one; one that can't be started keeps none of the others."""
    from cli.errors import sentence

    error = None
    try:
        control_plane.confirm_removal(tenant_id, tenants._who(), at)
    except Exception as caught:
        error = sentence(caught)
        if error is None:
            raise
    return {"tenant_id": tenant_id, "started": error is None, "error": error}


def _ask(what: str, answer: str, yes: bool) -> None:
    """Have a person type something that nobody types by mistake."""
    from cli.errors import Refused

    if yes:
        return
    if not _is_terminal():
        raise Refused(
            "Nobody can be asked, for the input is no terminal: --yes goes on without asking. Nothing was done."
        )
    if typer.prompt(f"Type {what} to go on", err=True) != answer:
        raise Refused(f"That is not {answer}. Nothing was done.")


def _is_terminal() -> bool:
    return sys.stdin.isatty()
