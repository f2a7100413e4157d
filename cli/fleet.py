"""`fluxion fleet`: all tenants at once. The schema of their databases, bringing them to the latest, and drift."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import tenants
from cli.tenants import Json, Local, Stack
from control.stacks import Output

if TYPE_CHECKING:
    from cli.aws import ControlPlane
    from cli.migrations import Progress

app = typer.Typer(help="All tenants at once: the schema of their databases, and drift.", no_args_is_help=True)

_FAILURES_SHOWN = 20


@app.command()
def status(stack: Stack = "fluxion", local: Local = None, as_json: Json = False) -> None:
    """Which schema the tenants have, whose migration failed and why, how many wait; and what is not as on record."""
    from cli import display, migrations

    control_plane = tenants.connected(stack, local)
    fleet = migrations.Fleet.of(control_plane.all_records(), _deployed(control_plane))
    queue = migrations.waiting(control_plane)
    drift = control_plane.drift()
    if as_json:
        display.document(
            {
                "schema_version": fleet.latest,
                "tenants": len(fleet.records),
                "versions": fleet.versions,
                "behind": fleet.behind,
                "failed": fleet.failed,
                "queue": queue,
                "drift": drift,
            }
        )
        return
    display.line(f"The deployed release has version {fleet.latest} of the schema.")
    display.table(("version", "tenants"), fleet.versions.items())
    _tell_failures(fleet.failed)
    display.line(f"{queue['waiting']} wait in the queue, {queue['given_up']} were given up.")
    if fleet.behind:
        display.line(f"{len(fleet.behind)} are behind; bring them to version {fleet.latest}:  fluxion fleet migrate")
    if drift:
        display.line(f"Drift: {len(drift)} things are not as they are on record; a scan alone proves nothing.")
        columns = ("kind", "tenant_id", "what", "since", "state", "repair")
        display.table(
            [column.replace("_", " ") for column in columns], ([row[key] for key in columns] for row in drift)
        )
    else:
        display.line("No drift: everything is as it is on record.")


@app.command()
def migrate(
    tenant: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="Only this tenant; may be repeated. Without it: all.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Only tenants whose last migration failed.")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Show how far it is until it has ended.")] = True,
    timeout: Annotated[float, typer.Option(min=1, help="Give up watching after so many seconds.")] = 3600.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Bring the databases of all tenants to the schema of the deployed release; their sites stay up.

    Only tenants that lack a step are asked for, so a second run is for those that failed. Exit code 1 if any failed.
    """
    from cli import display, migrations

    control_plane = tenants.connected(stack, local)
    version = _same_release(control_plane)
    asked = _wanted(control_plane, version, tenant or [], retry_failed)
    by, at = tenants._who(), tenants._now()
    migrations.ask(control_plane, asked, version, by, at)
    last = migrations.Progress(left=asked)
    if asked:
        display.note(f"{len(asked)} tenants are to reach version {version}.")
        if watch:
            for last in migrations.follow(control_plane, asked, version, at, timeout=timeout):
                display.note(str(last))
    _tell(last, version, at, watch, as_json)
    if last.failed or (watch and last.left):
        raise typer.Exit(1)


def _wanted(control_plane: "ControlPlane", version: int, only: list[str], retry_failed: bool) -> list[str]:
    from cli import migrations
    from cli.errors import Refused

    records = control_plane.records(only) if only else control_plane.all_records()
    fleet = migrations.Fleet.of(records, version)
    if missing := sorted(set(only) - set(fleet.records)):
        raise Refused(f"No database is in service of: {', '.join(missing)}. Nothing was asked for.")
    return sorted(fleet.failed) if retry_failed else fleet.behind


def _deployed(control_plane: "ControlPlane") -> int:
    return int(control_plane.output(Output.SCHEMA_VERSION))


def _same_release(control_plane: "ControlPlane") -> int:
    """The version that both sides know. The function has its steps from the deployed layer, this command its own."""
    from cli.errors import Refused
    from tenancy.database import schema_versions

    own, deployed = schema_versions.latest_version(), _deployed(control_plane)
    if own != deployed:
        raise Refused(
            f"This command has the schema up to version {own}, and the deployed release up to {deployed}: deploy this "
            "release, or use the command of that one. Nothing was asked for."
        )
    return own


def _tell(last: "Progress", version: int, at: str, watched: bool, as_json: bool) -> None:
    from cli import display

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
    _tell_failures(last.failed)
    if not (last.migrated or last.failed or last.gone or last.left):
        display.line("Nobody is to be migrated.")
    elif watched:
        display.line(f"Version {version}: {last}.")
    if last.left:
        display.line("It goes on by itself; `fluxion fleet status` shows how far it is.")


def _tell_failures(failed: Any) -> None:
    from cli import display

    if not failed:
        return
    shown = sorted(failed.items())[:_FAILURES_SHOWN]
    display.table(
        ("tenant", "version", "error", "at"),
        ([id_, error["version"], f"{error['code']}: {error['message']}", error["at"]] for id_, error in shown),
    )
    if len(failed) > len(shown):
        display.line(f"and {len(failed) - len(shown)} more; --json shows all")
