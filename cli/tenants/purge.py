"""Give `fluxion tenants purge`, by which a customer is forgotten and gets a receipt."""

from cli import display
from cli.confirming import confirm
from cli.errors import Refused
from cli.options import StackOptions, TenantId, Yes
from cli.session import Session, who

_GONE = ("OFFBOARDED", "FAILED")


def command(
    options: StackOptions,
    tenant_id: TenantId,
    yes: Yes = False,
) -> None:
    """Erase all data of a tenant that was taken down, archives too, for good. Prints the receipt."""
    from cli.archives import Archives

    session = options.session
    _require_gone(session, tenant_id)
    display.note(
        f"All data of '{tenant_id}' will be erased: archives and exports, left-over files, events, and what its record "
        f"says. Nothing brings it back. `fluxion tenants export {tenant_id}` first, if the customer wants it."
    )
    confirm("the tenant's id", tenant_id, yes=yes)
    receipt = Archives(session).ask("PurgeDatabase", tenant_id, who())
    if options.as_json:
        display.document(receipt)
        return
    remains = receipt.pop("remains")
    display.fields(f"{tenant_id}: purged", receipt)
    display.line("What runs out by itself, or is in other hands")
    display.table(("where", "what", "until"), ([each["where"], each["what"], each["until"]] for each in remains))


def _require_gone(session: Session, tenant_id: str) -> None:
    if session.tables.item(tenant_id) is not None:
        raise Refused(
            f"'{tenant_id}' has an item, so it is a customer: `fluxion tenants remove {tenant_id}` first, and wait "
            "until it is OFFBOARDED."
        )
    record = session.tables.record(tenant_id)
    if record is None:
        raise Refused(f"The control plane has no record of '{tenant_id}'.")
    if record["status"] not in _GONE:
        until = f", and held until {record['due_at']}" if record.get("due_for") == "offboard" else ""
        raise Refused(
            f"'{tenant_id}' is {record['status']}{until}: it can be purged when it is OFFBOARDED or FAILED. "
            f"`fluxion tenants watch {tenant_id}` shows how far it is."
        )
