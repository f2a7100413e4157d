"""`fluxion tenants update`, `suspend`, `resume`: what is asked of a tenant that has an item already."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import tenants
from cli.tenants import (
    ContactEmail,
    CustomerName,
    Desired,
    DesiredState,
    Json,
    Local,
    PaidTier,
    Settings,
    Stack,
    TenantId,
    Timeout,
    Watch,
    app,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.aws import ControlPlane


@app.command()
def update(
    tenant_id: TenantId,
    name: CustomerName = None,
    tier: PaidTier = None,
    contact_email: ContactEmail = None,
    setting: Settings = None,
    unset_setting: Annotated[
        list[str] | None, typer.Option(metavar="KEY", help="A setting to take away; may be repeated.")
    ] = None,
    desired_state: DesiredState = None,
    watch: Watch = True,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Change what is given of a tenant's item, and nothing else; the site follows by itself."""
    from cli.errors import Refused

    attributes = {
        "name": name,
        "tier": tier and tier.value,
        "contact_email": contact_email,
        "desired_state": desired_state and desired_state.value,
    }
    given: dict[str, Any] = {key: value for key, value in attributes.items() if value is not None}
    to_set, to_unset = tenants._settings(setting or []), unset_setting or []
    if not (given or to_set or to_unset):
        raise Refused("Nothing is given that should change: see `fluxion tenants update --help`.")
    if both := sorted(set(to_set) & set(to_unset)):
        raise Refused(f"The setting '{both[0]}' is given both to set and to take away.")
    control_plane = tenants.connected(stack, local)
    item = _existing(control_plane, tenant_id)
    if to_set or to_unset:
        settings = item.get("settings") or {}
        if missing := [key for key in to_unset if key not in settings]:
            raise Refused(f"'{tenant_id}' has no setting '{missing[0]}' that could be taken away.")
        given["settings"] = {key: value for key, value in (settings | to_set).items() if key not in to_unset}
    _change(control_plane, item, given, watch, timeout, as_json)


@app.command()
def suspend(
    tenant_id: TenantId,
    watch: Watch = True,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Ask that a tenant's visitors get 503. Data, records and alias stay."""
    control_plane = tenants.connected(stack, local)
    wanted = {"desired_state": Desired.SUSPENDED.value}
    _change(control_plane, _existing(control_plane, tenant_id), wanted, watch, timeout, as_json)


@app.command()
def resume(
    tenant_id: TenantId,
    watch: Watch = True,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Ask that a suspended tenant is served again."""
    control_plane = tenants.connected(stack, local)
    wanted = {"desired_state": Desired.ACTIVE.value}
    _change(control_plane, _existing(control_plane, tenant_id), wanted, watch, timeout, as_json)


def _existing(control_plane: "ControlPlane", tenant_id: str) -> dict[str, Any]:
    from cli.errors import Refused

    item = control_plane.item(tenant_id)
    if item is None:
        raise Refused(f"There is no item '{tenant_id}': `fluxion tenants add {tenant_id} --name …` makes one.")
    return item


def _change(
    control_plane: "ControlPlane",
    item: dict[str, Any],
    wanted: "Mapping[str, Any]",
    watch: bool,
    timeout: float,
    as_json: bool,
) -> None:
    from cli import display, progress
    from cli.errors import Refused

    tenant_id = item["tenant_id"]
    as_it_is = {"desired_state": Desired.ACTIVE.value, "settings": {}, "restore": {}} | item
    changed = {key: value for key, value in wanted.items() if as_it_is.get(key) != value}
    if not changed:
        if as_json:
            display.document({"tenant_id": tenant_id, "changed": []})
        else:
            said = ", ".join(f"{key} {value}" for key, value in wanted.items() if key != "settings")
            display.line(f"{tenant_id}: is so already ({said or 'settings'}). Nothing was written.")
        return
    at = tenants._now()
    changed |= {"requested_by": tenants._who(), "requested_at": at}
    # An empty map takes the attribute away.
    tenants._valid({key: value for key, value in (item | changed).items() if value != {}})
    before = progress.run_of(control_plane.record(tenant_id))
    if not control_plane.change(item, changed):
        raise Refused(
            f"Somebody else has changed '{tenant_id}' meanwhile, and nothing was written: look, and try again."
        )
    tenants._follow_or_say(control_plane, tenant_id, (before, at), watch, timeout, as_json)
