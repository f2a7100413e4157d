"""Give `fluxion tenants suspend`, after which visitors get 503 and everything stays."""

from cli.options import RunOptions, TenantId


def command(options: RunOptions, tenant_id: TenantId) -> None:
    """Ask that a tenant's visitors get 503. Data, records and alias stay."""
    from cli import items

    items.change(options, items.existing(options.session, tenant_id), {"desired_state": "suspended"})
