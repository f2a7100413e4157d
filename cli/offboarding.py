"""Start runs that take a tenant down as a person does: beside the stream, or for a removal that was held."""

import json
from collections.abc import Sequence
from typing import Any, Literal

import typer

from cli import display
from cli.confirming import confirm
from cli.errors import Refused, sentence
from cli.session import Session, who
from control.stacks import Output
from tenancy.platform import clock
from tenancy.platform.step_functions import execution_name


def start(session: Session, tenant_id: str, what: Literal["confirmed", "removed"], by: str, at: str) -> str | None:
    """Start a run that is told who has confirmed or removed. Returns why it could not be started, or None."""
    try:
        session.client("stepfunctions").start_execution(
            stateMachineArn=session.output(Output.OFFBOARD_MACHINE),
            name=execution_name(tenant_id, f"{what}/{tenant_id}/{at}"),
            input=json.dumps({"tenant_id": tenant_id, f"{what}_by": by}),
        )
    except Exception as caught:
        error = sentence(caught)
        if error is None:
            raise
        return error
    return None


def confirm_held(session: Session, only: Sequence[str], *, yes: bool, as_json: bool) -> None:
    """Have a person confirm the removals that are held, or those of them that are named. Exits with 1 if any fails."""
    held = _held(session, only)
    if others := sorted(set(only) - set(held)):
        raise Refused(f"No removal is held for confirmation of: {', '.join(others)}. Nothing was started.")
    if held:
        for tenant_id in held:
            display.note(f"  {tenant_id}")
        display.note(f"{len(held)} removals are held. Confirmed, each goes on as if it had been asked for alone.")
        confirm("the number of tenants", str(len(held)), yes=yes)
    at = clock.now()
    # One that can't be started keeps none of the others.
    errors = {tenant_id: start(session, tenant_id, "confirmed", who(), at) for tenant_id in held}
    outcomes: list[dict[str, Any]] = [
        {"tenant_id": tenant_id, "started": error is None, "error": error} for tenant_id, error in errors.items()
    ]
    if as_json:
        display.document(outcomes)
    elif not held:
        display.line("No removal is held for confirmation.")
    else:
        for tenant_id, error in errors.items():
            display.line(f"{tenant_id}: {error or 'confirmed'}")
    if any(errors.values()):
        raise typer.Exit(1)


def _held(session: Session, only: Sequence[str]) -> list[str]:
    """Return, of the named or of all, the tenants without an item whose removal waits for a person."""
    wanted = {item["tenant_id"] for item in session.tables.items()}
    records = session.tables.records(only) if only else session.tables.all_records()
    return sorted(
        tenant_id
        for tenant_id, record in records.items()
        if record.get("due_for") == "confirmation" and tenant_id not in wanted
    )
