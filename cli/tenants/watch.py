"""`fluxion tenants watch`: a run, stage by stage."""

from cli.options import Json, Local, Stack, TenantId, Timeout
from cli.session import connected


def command(
    tenant_id: TenantId,
    timeout: Timeout = 900.0,
    stack: Stack = "fluxion",
    local: Local = None,
    as_json: Json = False,
) -> None:
    """Show the stages of a tenant's run as they happen. Exit code 0 when it ended well, 1 when it failed or stalled."""
    from cli.items import require_known
    from cli.watching import watch_until_end

    session = connected(stack, local)
    require_known(session, tenant_id)
    watch_until_end(session, tenant_id, timeout=timeout, as_json=as_json)
