"""Give `fluxion tenants restore`, which asks that a tenant's rows come back from an archive."""

from typing import Annotated, Any

import typer

from cli import display
from cli.confirming import confirm
from cli.errors import Refused
from cli.options import RunOptions, TenantId, Yes
from cli.session import Session

_MANIFEST = "/manifest.json"


def command(
    options: RunOptions,
    tenant_id: TenantId,
    archive: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="The archive to restore, as ID/NAME; without it, the last one on record."),
    ] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Take back a restore that has failed or has not begun.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Ask that a tenant gets the rows of an archive. What it has now is archived first, and only then replaced."""
    from cli import items

    if cancel and archive:
        raise Refused("--cancel takes a restore back, whatever its archive: give --cancel or --archive, not both.")
    session = options.session
    item = items.existing(session, tenant_id)
    if cancel:
        items.change(options, item, {"restore": {}})
    else:
        items.change(options, item, _wanted(session, item.values, archive, yes))


def _wanted(session: Session, item: dict[str, Any], archive: str | None, yes: bool) -> dict[str, Any]:
    """Return what is to be written, once a person has agreed that it replaces what the tenant has."""
    from cli.items import require_valid
    from tenancy.platform import clock

    tenant_id = item["tenant_id"]
    record = session.tables.record(tenant_id) or {}
    folder = archive or (record.get("archive") or {}).get("folder")
    if not folder:
        raise Refused(
            f"No archive of '{tenant_id}' is on record. --archive names one of: {_listed(session, tenant_id)}."
        )
    wanted = {"restore": {"archive": folder, "asked_at": clock.now()}}
    require_valid(item | wanted)
    if record.get("database_path"):
        display.note(
            f"'{tenant_id}' has a database. It will be archived, and the rows of {folder} take its place: what was "
            "written since then is in the archive alone. `fluxion tenants restore` brings that back in its turn."
        )
        confirm("the tenant's id", tenant_id, yes=yes)
    return wanted


def _listed(session: Session, tenant_id: str) -> str:
    """Name the archives of the tenant that have their manifest."""
    from cli.archives import Archives

    names = Archives(session).files_below(tenant_id)
    folders = [f"{tenant_id}/{name.removesuffix(_MANIFEST)}" for name in names if name.endswith(_MANIFEST)]
    return ", ".join(folders) or "none, for the bucket has no archive of it"
