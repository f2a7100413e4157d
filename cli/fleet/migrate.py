"""Give `fluxion fleet migrate`, which brings all tenants' databases to the schema of the deployed release."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import display
from cli.errors import Refused
from cli.options import StackOptions, Timeout
from cli.session import Session, who

if TYPE_CHECKING:
    from cli.migrations import Progress


def command(
    options: StackOptions,
    tenant: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Migrate only this tenant; may be repeated. Without it: all.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Migrate only tenants whose last migration failed.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Show how far it is until it has ended.")] = True,
    timeout: Timeout = 3600.0,
) -> None:
    """Bring the databases of all tenants to the schema of the deployed release; their sites stay up.

    Only tenants that lack a step are asked for, so a second run is for those that failed. Exit code 1 if any failed.
    """
    from cli import migrations
    from tenancy.platform import clock

    session = options.session
    version = _same_release(session)
    asked = _wanted(session, version, tenant or [], retry_failed)
    by, at = who(), clock.now()
    migrations.ask(session, asked, version, by, at)
    last = migrations.Progress(left=asked)
    if asked:
        display.note(f"{len(asked)} tenants are to reach version {version}.")
        if watch:
            for last in migrations.follow(session.tables, asked, version, at, timeout=timeout):
                display.note(str(last))
    _tell(last, version, at, watch, options.as_json)
    if last.failed or (watch and last.left):
        raise typer.Exit(1)


def _wanted(session: Session, version: int, only: list[str], retry_failed: bool) -> list[str]:
    from cli import migrations

    records = session.tables.records(only) if only else session.tables.all_records()
    fleet = migrations.Fleet.of(records, version)
    if missing := sorted(set(only) - set(fleet.records)):
        raise Refused(f"No database is in service of: {', '.join(missing)}. Nothing was asked for.")
    return sorted(fleet.failed) if retry_failed else fleet.behind


def _same_release(session: Session) -> int:
    """Return the version that both sides know. The function has the deployed layer's steps, this command its own."""
    from cli.migrations import deployed_version
    from tenancy.database import schema_versions

    own, deployed = schema_versions.latest_version(), deployed_version(session)
    if own != deployed:
        raise Refused(
            f"This command has the schema up to version {own}, and the deployed release up to {deployed}: deploy this "
            "release, or use the command of that one. Nothing was asked for."
        )
    return own


def _tell(last: "Progress", version: int, at: str, watched: bool, as_json: bool) -> None:
    from cli import migrations

    if as_json:
        display.document(
            {
                "schema_version": version,
                "requested_at": at,
                "migrated": list(last.migrated),
                "failed": last.failed,
                "taken_down": list(last.gone),
                "left": list(last.left),
            }
        )
        return
    migrations.tell_failures(last.failed)
    if not (last.migrated or last.failed or last.gone or last.left):
        display.line("Nobody is to be migrated.")
    elif watched:
        display.line(f"Version {version}: {last}.")
    if last.left:
        display.line("It goes on by itself; `fluxion fleet status` shows how far it is.")
