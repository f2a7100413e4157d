"""`fluxion tenants`: what people ask for, and what has become of it."""

import enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.aws import ControlPlane

app = typer.Typer(
    help="Add, change and remove tenants, list them, show one, watch one become live.", no_args_is_help=True
)

TenantId = Annotated[str, typer.Argument(metavar="ID", help="The tenant: one label below the base domain.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")]
Stack = Annotated[str, typer.Option(help="The CloudFormation stack of the control plane.")]
Local = Annotated[
    bool | None,
    typer.Option(
        "--local/--no-local",
        help="The AWS that `make up` started, or the one that the environment names. "
        "Without either: the local one where it runs and AWS_ENDPOINT_URL is not set.",
        show_default=False,
    ),
]
CustomerName = Annotated[str | None, typer.Option("--name", help="What the customer is called, 1 to 80 characters.")]
ContactEmail = Annotated[str | None, typer.Option(help="Whom to write to.")]
Settings = Annotated[
    list[str] | None, typer.Option("--setting", metavar="KEY=VALUE", help="Colour, locale, …; may be repeated.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")]
Watch = Annotated[bool, typer.Option("--watch/--no-watch", help="Show the stages until the run has ended.")]
Timeout = Annotated[float, typer.Option(min=1, help="Give up watching after so many seconds.")]

_EVENTS_SHOWN = 20


class Tier(enum.StrEnum):
    """What the customer pays for."""

    BASIC = "basic"
    STANDARD = "standard"
    PREMIUM = "premium"


class Desired(enum.StrEnum):
    """What visitors should get."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


PaidTier = Annotated[Tier | None, typer.Option("--tier", help="What the customer pays for.")]
DesiredState = Annotated[Desired | None, typer.Option("--desired-state", help="What visitors should get.")]


@app.command()
def add(
    tenant_id: TenantId,
    name: CustomerName = None,
    tier: PaidTier = None,
    contact_email: ContactEmail = None,
    setting: Settings = None,
    desired_state: DesiredState = None,
    watch: Watch = True,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Put a tenant's item into the table; the site follows by itself. An existing item is never overwritten."""
    from cli import progress
    from cli.errors import Refused

    attributes = {
        "name": name,
        "tier": tier and tier.value,
        "contact_email": contact_email,
        "settings": _settings(setting or []) or None,
        "desired_state": desired_state and desired_state.value,
    }
    given = {key: value for key, value in attributes.items() if value is not None}
    by, at = _who(), _now()
    _valid({"tenant_id": tenant_id, **given})
    control_plane = connected(stack, local)
    before = progress.run_of(control_plane.record(tenant_id))
    if not control_plane.add({"tenant_id": tenant_id, **given, "requested_by": by, "requested_at": at}):
        raise Refused(
            f"'{tenant_id}' exists, and an existing item is not overwritten: see `fluxion tenants show {tenant_id}`; "
            f"`fluxion tenants retry {tenant_id}` asks for another run."
        )
    _follow_or_say(control_plane, tenant_id, (before, at), watch, timeout, as_json)


@app.command()
def retry(
    tenant_id: Annotated[str | None, typer.Argument(metavar="ID", help="The tenant.", show_default=False)] = None,
    cause: Annotated[
        str | None,
        typer.Option(
            metavar="ERROR", help="Instead of ID: all tenants that this error has brought to a halt; not watched."
        ),
    ] = None,
    watch: Watch = True,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Ask for another run of a tenant's workflow. Changes nothing of the item but who asked, and when."""
    from cli import progress
    from cli.errors import Refused

    if (tenant_id is None) == (cause is None):
        raise Refused("Name one tenant, or with --cause the error that has brought many to a halt.")
    at = _now()
    control_plane = connected(stack, local)
    if tenant_id is None:
        _retry_all(control_plane, str(cause), at, as_json)
        return
    before = progress.run_of(control_plane.record(tenant_id))
    if not control_plane.ask_again(tenant_id, _who(), at):
        raise Refused(f"There is no item '{tenant_id}': `fluxion tenants add {tenant_id} --name …` makes one.")
    _follow_or_say(control_plane, tenant_id, (before, at), watch, timeout, as_json)


@app.command()
def watch(
    tenant_id: TenantId,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Show the stages of a tenant's run as they happen. Exit code 0 when it ended well, 1 when it failed or stalled."""
    from cli.errors import Refused

    control_plane = connected(stack, local)
    if control_plane.record(tenant_id) is None and control_plane.item(tenant_id) is None:
        raise Refused(f"There is no tenant '{tenant_id}', and no item that asks for one.")
    _watch(control_plane, tenant_id, (None, None), timeout, as_json)


@app.command("list")
def list_(
    everything: Annotated[
        bool, typer.Option("--all", help="Also tenants whose item is gone. Reads the whole provisioning table.")
    ] = False,
    status: Annotated[
        str | None,
        typer.Option(help="Only tenants with this status, or whose operation is in this state (STALLED, HELD, …)."),
    ] = None,
    cause: Annotated[
        str | None, typer.Option(metavar="ERROR", help="Only tenants that this error has brought to a halt.")
    ] = None,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """All tenants that have an item: status, operation, stage, last change."""
    from cli import display

    control_plane = connected(stack, local)
    names = {item["tenant_id"]: item.get("name") for item in control_plane.items()}
    records = control_plane.all_records() if everything else control_plane.records(names)
    rows = [_row(tenant_id, names.get(tenant_id), records.get(tenant_id)) for tenant_id in sorted(names | records)]
    if status:
        rows = [row for row in rows if status.upper() in (row["status"], row["operation"].rpartition(" ")[2])]
    if cause:
        rows = [row for row in rows if _is_halted_by(records.get(row["tenant_id"]), cause)]
    if as_json:
        display.document(rows)
        return
    columns = ("tenant_id", "name", "status", "operation", "stage", "updated_at")
    display.table([column.replace("_", " ") for column in columns], ([row[key] for key in columns] for row in rows))


@app.command()
def show(
    tenant_id: TenantId,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """One tenant: what was asked for, what is, its effects on shared systems, its latest events."""
    from cli import display
    from cli.errors import Refused

    control_plane = connected(stack, local)
    item, record = control_plane.item(tenant_id), control_plane.record(tenant_id)
    if item is None and record is None:
        raise Refused(f"There is no tenant '{tenant_id}', and no item that asks for one.")
    effects = control_plane.below(tenant_id, "EFFECT#", 100)
    events = control_plane.below(tenant_id, "EVENT#", _EVENTS_SHOWN)
    if as_json:
        display.document({"item": item, "record": record, "effects": effects, "events": _with_details(events)})
        return
    display.fields("Asked for (tenants)", item or {"": "no item: nobody asks for this tenant any more"})
    display.fields("What is (provisioning)", record or {"": "not seen yet"})
    if effects:
        display.line("Effects on shared systems")
        keys = ("sk", "state", "generation", "attempt", "target")
        display.table(("system", *keys[1:]), ([_system(effect), *map(effect.get, keys[1:])] for effect in effects))
    if events:
        display.line(f"Events (the last {len(events)})")
        display.table(("at", "event", "event id"), ([e["occurred_at"], e["type"], e.get("event_id")] for e in events))


# --- what the commands share ------------------------------------------------------------------------------------------


def connected(stack: str, local: bool | None) -> "ControlPlane":
    """The control plane that is meant, said aloud where it was found and not named."""
    from cli import aws, display
    from cli.main import STATE

    place = aws.where(STATE, local=local)
    if place.variables and local is None:
        display.note(f"Using {place.words}; --no-local asks the AWS of your environment.")
    return aws.ControlPlane(place, stack)


def _follow_or_say(
    control_plane: "ControlPlane",
    tenant_id: str,
    since: tuple[tuple[Any, ...] | None, str],
    watch: bool,
    timeout: float,
    as_json: bool,
) -> None:
    if watch:
        _watch(control_plane, tenant_id, since, timeout, as_json)
    elif as_json:
        _print_json({"tenant_id": tenant_id, "requested_at": since[1], "requested_by": _who()})
    else:
        typer.echo(f"{tenant_id}: asked for. `fluxion tenants watch {tenant_id}` shows how far it is.")


def _watch(
    control_plane: "ControlPlane",
    tenant_id: str,
    asked: "tuple[tuple[Any, ...] | None, str | None]",
    timeout: float,
    as_json: bool,
) -> None:
    """Show one run until it has ended. ``asked``: the run before it, and when it was asked for, where that is known."""
    from dataclasses import asdict

    from cli import display, progress
    from cli.errors import Refused

    try:
        after, at = asked
        moments = progress.follow(control_plane, tenant_id, after=after, asked_at=at, timeout=timeout)
        last = display.watch(moments, quiet=as_json)
    except TimeoutError as error:
        raise Refused(f"{error}; it goes on without being watched.") from None
    if as_json:
        _print_json({**asdict(last), "state": last.state})
    else:
        display.outcome(last, control_plane.site)
    if not last.has_ended_well:
        raise typer.Exit(1)


def _retry_all(control_plane: "ControlPlane", cause: str, at: str, as_json: bool) -> None:
    from cli import display

    halted = [id_ for id_, record in sorted(control_plane.all_records().items()) if _is_halted_by(record, cause)]
    asked = {tenant_id: control_plane.ask_again(tenant_id, _who(), at) for tenant_id in halted}
    if as_json:
        display.document([{"tenant_id": tenant_id, "asked": done} for tenant_id, done in asked.items()])
        return
    for tenant_id, done in asked.items():
        display.line(f"{tenant_id}: {'asked for' if done else 'has no item any more'}")
    display.line(f"{sum(asked.values())} tenants; `fluxion tenants list --cause {cause}` shows who is left.")


def _is_halted_by(record: "dict[str, Any] | None", cause: str) -> bool:
    """Whether the tenant's last run ended with this error."""
    from cli import progress

    if not record or (record.get("last_error") or {}).get("code") != cause:
        return False
    return record["operation"]["state"] in progress.ENDED - progress.ENDED_WELL


def _valid(item: "dict[str, Any]") -> None:
    """Refuse what the workflow would refuse, before anything is written."""
    from cli.errors import Refused
    from tenancy.domain.errors import InvalidTenantItem
    from tenancy.domain.item import TenantItem

    try:
        TenantItem.parse(item)
    except InvalidTenantItem as error:
        raise Refused(f"{error}. Nothing was written.") from None


def _settings(pairs: "Sequence[str]") -> dict[str, str]:
    from cli.errors import Refused

    settings = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals):
            raise Refused(f"--setting {pair!r} is not KEY=VALUE.")
        settings[key] = value
    return settings


def _row(tenant_id: str, name: str | None, record: "dict[str, Any] | None") -> dict[str, Any]:
    record = record or {}
    operation = record.get("operation") or {}
    return {
        "tenant_id": tenant_id,
        "name": name or (record.get("spec") or {}).get("name"),
        "status": record.get("status", "NOT SEEN YET"),
        "operation": " ".join(filter(None, (operation.get("kind"), operation.get("state")))),
        "stage": operation.get("stage"),
        "updated_at": record.get("updated_at"),
        "host": record.get("host"),
    }


def _system(effect: "dict[str, Any]") -> str:
    return str(effect["sk"]).removeprefix("EFFECT#")


def _with_details(events: "list[dict[str, Any]]") -> "list[dict[str, Any]]":
    """Events with their detail as values instead of JSON text."""
    import json

    return [{**event, "detail": json.loads(event["detail"])} for event in events]


def _print_json(value: object) -> None:
    from cli import display

    display.document(value)


def _who() -> str:
    """The person, for the audit trail; a claim, not a proof: IAM knows who really called."""
    import getpass

    try:
        return f"fluxion: {getpass.getuser()}"
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "fluxion"


def _now() -> str:
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
