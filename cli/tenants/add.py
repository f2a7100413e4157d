"""`fluxion tenants add`: a new item, whose site follows by itself."""

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
    desired_state: DesiredState = None,
    watch: Watch = True,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Put a tenant's item into the table; the site follows by itself. An existing item is never overwritten."""
    from cli import items

    values = items.given(
        tenant_id=tenant_id,
        name=name,
        tier=tier and tier.value,
        contact_email=contact_email,
        settings=items.settings_of(setting or []) or None,
        desired_state=desired_state and desired_state.value,
    )
    items.require_valid(values)
    otherwise = (
        f"'{tenant_id}' exists, and an existing item is not overwritten: see `fluxion tenants show {tenant_id}`; "
        f"`fluxion tenants retry {tenant_id}` asks for another run."
    )
    items.add(connected(stack, local), values, otherwise, watch=watch, timeout=timeout, as_json=as_json)
