"""`fluxion tenants suspend`: visitors get 503, everything stays."""

from cli.options import Desired, Json, Local, Stack, TenantId, Timeout, Watch
from cli.session import connected


def command(
    tenant_id: TenantId,
    watch: Watch = True,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Ask that a tenant's visitors get 503. Data, records and alias stay."""
    from cli import items

    session = connected(stack, local)
    wanted = {"desired_state": Desired.SUSPENDED.value}
    items.change(session, items.existing(session, tenant_id), wanted, watch=watch, timeout=timeout, as_json=as_json)
