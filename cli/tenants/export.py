"""`fluxion tenants export` and `purge`: a customer gets its data, or is forgotten. Each ends with a receipt."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import tenants
from cli.removing import _ask
from cli.tenants import Json, Local, Stack, TenantId, Yes, app

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.archives import Archives
    from cli.aws import ControlPlane

_MANIFEST = "manifest.json"
_RECEIPT = "receipt.json"
_GONE = ("OFFBOARDED", "FAILED")


@app.command()
def export(
    tenant_id: TenantId,
    to: Annotated[
        Path | None,
        typer.Option(help="A folder that does not exist yet. Default: ID-export, here.", show_default=False),
    ] = None,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Write all rows of a tenant into a folder, as Parquet files, each checked against the manifest."""
    from cli import display
    from cli.archives import Archives
    from cli.errors import Refused

    target = to or Path(f"{tenant_id}-export")
    if target.exists():
        raise Refused(f"{target} exists, and nothing is written over: name another folder with --to.")
    control_plane = tenants.connected(stack, local)
    record = control_plane.record(tenant_id)
    if record is None:
        raise Refused(f"The control plane has no record of '{tenant_id}'.")
    archives = Archives(control_plane)
    receipt = _fetched(archives, _made(archives, tenant_id, record), target)
    if as_json:
        display.document(receipt)
        return
    display.fields(f"{tenant_id}: exported into {target}", receipt)


def _made(archives: "Archives", tenant_id: str, record: "Mapping[str, Any]") -> dict[str, Any]:
    """The export that there is to fetch: a new one, or the archive of a tenant that is gone."""
    from cli.errors import Refused

    if record.get("database_path"):
        return archives.ask("ExportDatabase", tenant_id, tenants._who())
    archive = record.get("archive")
    if not archive:
        purged = " It was purged." if record.get("purged") else ""
        raise Refused(f"'{tenant_id}' is {record['status']}: it has no database, and no archive any more.{purged}")
    kept = {key: archive[key] for key in ("folder", "rows", "bytes", "manifest_sha256", "exported_at")}
    return {"tenant_id": tenant_id, "requested_by": tenants._who(), **kept}


def _fetched(archives: "Archives", made: "Mapping[str, Any]", target: Path) -> dict[str, Any]:
    """Download into a folder beside the target, which becomes the target when every file is what it should be."""
    from cli.errors import Refused

    names = archives.files_below(made["folder"])
    if _MANIFEST not in names or any(Path(name).name != name for name in names):
        raise Refused(f"{made['folder']} is not in the archive bucket, or not whole: nothing was written.")
    draft = target.with_name(f".{target.name}.partial")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        for name in names:
            archives.download(made["folder"], name, draft / name)
        found = {name: _sha256(draft / name) for name in names}
        _verify(made, found, json.loads((draft / _MANIFEST).read_text()))
        receipt = {**made, "downloaded_at": tenants._now(), "files": found}
        (draft / _RECEIPT).write_text(json.dumps(receipt, indent=2, sort_keys=True) + "\n")
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return receipt


def _verify(made: "Mapping[str, Any]", found: "Mapping[str, str]", manifest: "Mapping[str, Any]") -> None:
    from cli.errors import Refused

    wanted = {table["file"]: table["file_sha256"] for table in manifest["tables"].values()}
    wanted[_MANIFEST] = made["manifest_sha256"]
    if manifest["tenant_id"] != made["tenant_id"]:
        raise Refused(f"{made['folder']} is of '{manifest['tenant_id']}', and nothing of it was kept.")
    if wrong := sorted(name for name, digest in wanted.items() if found.get(name) != digest):
        raise Refused(f"Not what the manifest says, so nothing was kept: {', '.join(wrong)}. Try again.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@app.command()
def purge(
    tenant_id: TenantId,
    yes: Yes = False,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Erase all data of a tenant that was taken down, archives too, for good. Prints the receipt."""
    from cli import display
    from cli.archives import Archives

    control_plane = tenants.connected(stack, local)
    _require_gone(control_plane, tenant_id)
    display.note(
        f"All data of '{tenant_id}' will be erased: archives and exports, left-over files, events, and what its record "
        f"says. Nothing brings it back. `fluxion tenants export {tenant_id}` first, if the customer wants it."
    )
    _ask("the tenant's id", tenant_id, yes)
    receipt = Archives(control_plane).ask("PurgeDatabase", tenant_id, tenants._who())
    if as_json:
        display.document(receipt)
        return
    remains = receipt.pop("remains")
    display.fields(f"{tenant_id}: purged", receipt)
    display.line("What runs out by itself, or is in other hands")
    display.table(("where", "what", "until"), ([each["where"], each["what"], each["until"]] for each in remains))


def _require_gone(control_plane: "ControlPlane", tenant_id: str) -> None:
    from cli.errors import Refused

    if control_plane.item(tenant_id) is not None:
        raise Refused(
            f"'{tenant_id}' has an item, so it is a customer: `fluxion tenants remove {tenant_id}` first, and wait "
            "until it is OFFBOARDED."
        )
    record = control_plane.record(tenant_id)
    if record is None:
        raise Refused(f"The control plane has no record of '{tenant_id}'.")
    if record["status"] not in _GONE:
        until = f", and held until {record['due_at']}" if record.get("due_for") == "offboard" else ""
        raise Refused(
            f"'{tenant_id}' is {record['status']}{until}: it can be purged when it is OFFBOARDED or FAILED. "
            f"`fluxion tenants watch {tenant_id}` shows how far it is."
        )
