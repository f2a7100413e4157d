"""Give `fluxion tenants remove`, which deletes an item that a person has named twice, and confirms mass removals."""

import base64
import json
import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import display
from cli.confirming import confirm
from cli.errors import Refused
from cli.options import RunOptions, Yes
from cli.session import Session, who
from control.stacks import Output

if TYPE_CHECKING:
    from cli.progress import Progress
    from control.items import Item


def command(
    options: RunOptions,
    tenant_ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", show_default=False)] = None,
    held: Annotated[
        bool, typer.Option("--held", help="Confirm removals that are held for it: all, or these IDs.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Delete a tenant's item. The site stays up for the grace period, and putting the item back cancels."""
    from cli.offboarding import confirm_held

    ids = list(dict.fromkeys(tenant_ids or []))
    if held:
        confirm_held(options.session, ids, yes=yes, as_json=options.as_json)
    elif len(ids) == 1:
        _remove(options, ids[0], yes)
    else:
        raise Refused("Name one tenant, or say --held to confirm removals that are held.")


def _remove(options: RunOptions, tenant_id: str, yes: bool) -> None:
    from cli import offboarding, watching
    from control.progress import run_of
    from tenancy.platform import clock

    session, as_json = options.session, options.as_json
    found, record = session.tables.item(tenant_id), session.tables.record(tenant_id)
    if found is None:
        raise Refused(f"There is no item '{tenant_id}'" + (": it is removed already." if record else "."))
    display.note(
        f"'{tenant_id}' will be removed. The site stays up for the grace period; until its end, putting the item back "
        "(or `fluxion tenants add`) cancels. After it the DNS records, the alias and the database go, and the database "
        "is archived."
    )
    confirm("the tenant's id", tenant_id, yes=yes)
    # What DynamoDB deleted counts. Nothing comes back where it was gone already, be it by a call of ours whose answer
    # was lost: what was read before is then the last that is known.
    removed = session.tables.remove(tenant_id) or found
    by, at, put_back = who(), clock.now(), _putting_back(session, removed)
    say = display.note if as_json else display.line  # at once: watching may be broken off
    say(f"{tenant_id}: removed by {by} at {at}. This brings the item back as it was:")
    say(put_back)
    # The removal counts without it: the table's stream starts the same run.
    if error := offboarding.start(session, tenant_id, "removed", by, at):
        display.note(f"The tenant's record will not say who removed it: {error}")
    last = _watched(options, tenant_id, run_of(record), at) if options.watch else None
    if as_json:
        answer = {"tenant_id": tenant_id, "removed_by": by, "removed_at": at, "put_back": put_back}
        display.document(answer | {"run": last.document if last else None, "item": removed.values})
    elif last:
        watching.tell_outcome(last, session.site)
    if options.watch and not (last and last.has_ended_well):
        raise typer.Exit(1)


def _watched(options: RunOptions, tenant_id: str, after: str, at: str) -> "Progress | None":
    from cli import progress, watching

    try:
        tables, timeout = options.session.tables, options.timeout
        moments = progress.follow(tables, tenant_id, after=after, asked_at=at, timeout=timeout)
        return watching.shown(moments, quiet=options.as_json)
    except TimeoutError as error:
        display.note(f"{error}; it goes on without being watched.")
        return None


def _putting_back(session: Session, item: "Item") -> str:
    """Return the command that writes exactly this item, unless there is one again."""
    words = ["aws", "dynamodb", "put-item", "--region", session.region]
    if endpoint := session.endpoint:
        words += ["--endpoint-url", endpoint]
    text = json.dumps(item.raw, default=_base64)
    words += ["--table-name", session.output(Output.TENANTS_TABLE), "--item", text]
    return shlex.join([*words, "--condition-expression", "attribute_not_exists(tenant_id)"])


def _base64(value: Any) -> str:
    return base64.b64encode(value).decode()
