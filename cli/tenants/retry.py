"""Give `fluxion tenants retry`, which asks for another run of one tenant, or of all that one error has halted."""

from typing import Annotated

import typer

from cli import display
from cli.errors import Refused
from cli.options import RunOptions
from cli.session import Session, who


def command(
    options: RunOptions,
    tenant_id: Annotated[str | None, typer.Argument(metavar="ID", help="The tenant.", show_default=False)] = None,
    cause: Annotated[
        str | None,
        typer.Option(
            metavar="ERROR", help="Instead of ID: all tenants that this error has brought to a halt; not watched."
        ),
    ] = None,
) -> None:
    """Ask for another run of a tenant's workflow. Changes nothing of the item but who asked, and when."""
    from cli.watching import follow_or_say
    from control.progress import run_of
    from tenancy.platform import clock

    if (tenant_id is None) == (cause is None):
        raise Refused("Name one tenant, or with --cause the error that has brought many to a halt.")
    at = clock.now()
    session = options.session
    if tenant_id is None:
        _retry_all(session, str(cause), at, options.as_json)
        return
    before = run_of(session.tables.record(tenant_id))
    if not session.tables.ask_again(tenant_id, who(), at):
        raise Refused(f"There is no item '{tenant_id}': `fluxion tenants add {tenant_id} --name …` makes one.")
    follow_or_say(options, tenant_id, after=before, at=at)


def _retry_all(session: Session, cause: str, at: str, as_json: bool) -> None:
    from cli.progress import is_halted_by

    halted = [id_ for id_, record in sorted(session.tables.all_records().items()) if is_halted_by(record, cause)]
    asked = {tenant_id: session.tables.ask_again(tenant_id, who(), at) for tenant_id in halted}
    if as_json:
        display.document([{"tenant_id": tenant_id, "asked": done} for tenant_id, done in asked.items()])
        return
    for tenant_id, done in asked.items():
        display.line(f"{tenant_id}: {'asked for' if done else 'has no item any more'}")
    display.line(f"{sum(asked.values())} tenants; `fluxion tenants list --cause {cause}` shows who is left.")
