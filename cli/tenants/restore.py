"""`fluxion tenants restore`: a tenant's rows are to come back from the archive."""

from typing import Annotated, Any

import typer

from cli import display
from cli.confirming import confirm
from cli.errors import Refused
from cli.options import Json, Local, Stack, TenantId, Timeout, Watch, Yes
from cli.session import Session, connected

_MANIFEST = "/manifest.json"


def command(
    tenant_id: TenantId,
    archive: Annotated[
        str | None,
        typer.Option(metavar="FOLDER", help="Which archive, as ID/NAME; the last one on record if it is not given."),
    ] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Take a restore back that has failed, or not begun.")
    ] = False,
    yes: Yes = False,
    watch: Watch = True,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Ask that a tenant gets the rows of an archive. What it has now is archived first, and only then replaced."""
    from cli import items

    if cancel and archive:
        raise Refused("--cancel takes a restore back, whatever its archive: give one or the other.")
    session = connected(stack, local)
    item = items.existing(session, tenant_id)
    if cancel:
        items.change(session, item, {"restore": {}}, watch=watch, timeout=timeout, as_json=as_json)
        return
    wanted = _wanted(session, item.values, archive, yes)
    items.change(session, item, wanted, watch=watch, timeout=timeout, as_json=as_json)


def _wanted(session: Session, item: dict[str, Any], archive: str | None, yes: bool) -> dict[str, Any]:
    """What is to be written, once a person has agreed that it replaces what the tenant has."""
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
    """Archives of the tenant that have their manifest, in words."""
    from cli.archives import Archives

    names = Archives(session).files_below(tenant_id)
    folders = [f"{tenant_id}/{name.removesuffix(_MANIFEST)}" for name in names if name.endswith(_MANIFEST)]
    return ", ".join(folders) or "none, for the bucket has no archive of it"
