"""Give `fluxion tenants watch`, which shows a run stage by stage."""

from cli.options import StackOptions, TenantId, Timeout


def command(options: StackOptions, tenant_id: TenantId, timeout: Timeout = 900.0) -> None:
    """Show the stages of a tenant's run as they happen. Exit code 0 when it ended well, 1 when it failed or stalled."""
    from cli.items import require_known
    from cli.watching import watch_until_end

    require_known(options.session, tenant_id)
    watch_until_end(options.session, tenant_id, timeout=timeout, as_json=options.as_json)
