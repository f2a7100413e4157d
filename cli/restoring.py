"""`fluxion tenants restore`: a tenant's rows are to come back from the archive."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli import changing, removing, tenants
from cli.tenants import Json, Local, Stack, TenantId, Timeout, Watch, Yes, app
from control.stacks import Output

if TYPE_CHECKING:
    from cli.aws import ControlPlane


@app.command()
def restore(
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
    from cli import display
    from cli.errors import Refused

    if cancel and archive:
        raise Refused("--cancel takes a restore back, whatever its archive: give one or the other.")
    control_plane = tenants.connected(stack, local)
    item = changing._existing(control_plane, tenant_id)
    if cancel:
        changing._change(control_plane, item, {"restore": {}}, watch, timeout, as_json)
        return
    record = control_plane.record(tenant_id) or {}
    folder = archive or (record.get("archive") or {}).get("folder")
    if not folder:
        raise Refused(
            f"No archive of '{tenant_id}' is on record. --archive names one of: {_listed(control_plane, tenant_id)}."
        )
    wanted = {"restore": {"archive": folder, "asked_at": tenants._now()}}
    tenants._valid(item | wanted)
    if record.get("database_path"):
        display.note(
            f"'{tenant_id}' has a database. It will be archived, and the rows of {folder} take its place: what was "
            "written since then is in the archive alone. `fluxion tenants restore` brings that back in its turn."
        )
        removing._ask("the tenant's id", tenant_id, yes)
    changing._change(control_plane, item, wanted, watch, timeout, as_json)


def _listed(control_plane: "ControlPlane", tenant_id: str) -> str:
    """Archives of the tenant that have their manifest, in words."""
    bucket = control_plane.output(Output.ARCHIVE_BUCKET)
    pages = control_plane.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{tenant_id}/")
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    folders = [key.removesuffix("/manifest.json") for key in keys if key.endswith("/manifest.json")]
    return ", ".join(folders) or "none, for the bucket has no archive of it"
