"""`fluxion tenants update`: another name, tier, contact, settings or state for a tenant that has an item."""

from typing import Annotated, Any

import typer

from cli.errors import Refused
from cli.options import (
    ContactEmail,
    CustomerName,
    DesiredState,
    Json,
    Local,
    PaidTier,
    Settings,
    Stack,
    TenantId,
    Timeout,
    Watch,
)
from cli.session import connected


def command(
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
    from cli import items

    wanted: dict[str, Any] = items.given(
        name=name,
        tier=tier and tier.value,
        contact_email=contact_email,
        desired_state=desired_state and desired_state.value,
    )
    to_set, to_unset = items.settings_of(setting or []), unset_setting or []
    if not (wanted or to_set or to_unset):
        raise Refused("Nothing is given that should change: see `fluxion tenants update --help`.")
    if both := sorted(set(to_set) & set(to_unset)):
        raise Refused(f"The setting '{both[0]}' is given both to set and to take away.")
    session = connected(stack, local)
    item = items.existing(session, tenant_id)
    if to_set or to_unset:
        settings = item.values.get("settings") or {}
        if missing := [key for key in to_unset if key not in settings]:
            raise Refused(f"'{tenant_id}' has no setting '{missing[0]}' that could be taken away.")
        wanted["settings"] = {key: value for key, value in (settings | to_set).items() if key not in to_unset}
    items.change(session, item, wanted, watch=watch, timeout=timeout, as_json=as_json)
