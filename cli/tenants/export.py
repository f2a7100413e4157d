"""Give `fluxion tenants export`, by which a customer gets its data and a receipt."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import display
from cli.errors import Refused
from cli.options import StackOptions, TenantId
from cli.session import who

if TYPE_CHECKING:
    from cli.archives import Archives

_MANIFEST = "manifest.json"
_RECEIPT = "receipt.json"


def command(
    options: StackOptions,
    tenant_id: TenantId,
    to: Annotated[
        Path | None,
        typer.Option(
            help="The folder to write, which must not exist. Without it: ID-export, here.", show_default=False
        ),
    ] = None,
) -> None:
    """Write all rows of a tenant into a folder, as Parquet files, each checked against the manifest."""
    from cli.archives import Archives

    target = to or Path(f"{tenant_id}-export")
    if target.exists():
        raise Refused(f"{target} exists, and nothing is written over: name another folder with --to.")
    session = options.session
    record = session.tables.record(tenant_id)
    if record is None:
        raise Refused(f"The control plane has no record of '{tenant_id}'.")
    archives = Archives(session)
    receipt = _fetched(archives, _made(archives, tenant_id, record), target)
    if options.as_json:
        display.document(receipt)
        return
    display.fields(f"{tenant_id}: exported into {target}", receipt)


def _made(archives: "Archives", tenant_id: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the export to fetch: a new one, or the archive of a tenant that is gone. Raises Refused for neither."""
    if record.get("database_path"):
        return archives.ask("ExportDatabase", tenant_id, who())
    archive = record.get("archive")
    if not archive:
        purged = " It was purged." if record.get("purged") else ""
        raise Refused(f"'{tenant_id}' is {record['status']}: it has no database, and no archive any more.{purged}")
    kept = {key: archive[key] for key in ("folder", "rows", "bytes", "manifest_sha256", "exported_at")}
    return {"tenant_id": tenant_id, "requested_by": who(), **kept}


def _fetched(archives: "Archives", made: Mapping[str, Any], target: Path) -> dict[str, Any]:
    """Download into a folder beside the target, which becomes the target when every file is what it should be."""
    from tenancy.platform import clock

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
        receipt = {**made, "downloaded_at": clock.now(), "files": found}
        (draft / _RECEIPT).write_text(json.dumps(receipt, indent=2, sort_keys=True) + "\n")
        draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return receipt


def _verify(made: Mapping[str, Any], found: Mapping[str, str], manifest: Mapping[str, Any]) -> None:
    wanted = {table["file"]: table["file_sha256"] for table in manifest["tables"].values()}
    wanted[_MANIFEST] = made["manifest_sha256"]
    if manifest["tenant_id"] != made["tenant_id"]:
        raise Refused(f"{made['folder']} is of '{manifest['tenant_id']}', and nothing of it was kept.")
    if wrong := sorted(name for name, digest in wanted.items() if found.get(name) != digest):
        raise Refused(f"Not what the manifest says, so nothing was kept: {', '.join(wrong)}. Try again.")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
