"""Give `fluxion tenants resume`, after which a suspended tenant is served again."""

from cli.options import RunOptions, TenantId


def command(options: RunOptions, tenant_id: TenantId) -> None:
    """Ask that a suspended tenant is served again."""
    from cli import items

    items.change(options, items.existing(options.session, tenant_id), {"desired_state": "active"})
