"""Give `fluxion tenants list`, which shows all tenants in one table."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import display
from cli.options import StackOptions

if TYPE_CHECKING:
    from control.tenant_view import TenantRow

_COLUMNS = ("tenant_id", "name", "status", "operation", "stage", "updated_at")


def command(
    options: StackOptions,
    everything: Annotated[
        bool, typer.Option("--all", help="List also tenants whose item is gone. Reads the whole provisioning table.")
    ] = False,
    status: Annotated[
        str | None,
        typer.Option(help="List only tenants with this status, or with this state of their operation (STALLED, …)."),
    ] = None,
    cause: Annotated[
        str | None, typer.Option(metavar="ERROR", help="List only tenants that this error has brought to a halt.")
    ] = None,
) -> None:
    """List all tenants that have an item: status, operation, stage, last change."""
    from cli.progress import is_halted_by
    from control import tenant_view

    tables = options.session.tables
    items = {item["tenant_id"]: item for item in tables.items()}
    records = tables.all_records() if everything else tables.records(items)
    rows = [
        _shown(tenant_view.row(tenant_id, items.get(tenant_id), record, "", ""), record)
        for tenant_id in sorted(items | records)
        for record in [records.get(tenant_id)]
        if cause is None or is_halted_by(record, cause)
    ]
    if status:
        rows = [row for row in rows if status.upper() in (row["status"], row["operation"].rpartition(" ")[2])]
    if options.as_json:
        display.document(rows)
        return
    display.table([column.replace("_", " ") for column in _COLUMNS], ([row[key] for key in _COLUMNS] for row in rows))


def _shown(row: "TenantRow", record: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "tenant_id": row.tenant_id,
        "name": row.name,
        "status": row.status if record else "NOT SEEN YET",
        "operation": " ".join(filter(None, (row.operation.kind, row.operation.state))) if row.operation else "",
        "stage": row.operation.stage if row.operation else None,
        "updated_at": row.updated_at,
        "host": (record or {}).get("host"),
    }
