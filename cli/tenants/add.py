"""Give `fluxion tenants add`, which puts a new item into the table."""

from cli.options import ItemOptions, RunOptions, TenantId


def command(options: RunOptions, tenant_id: TenantId, wanted: ItemOptions) -> None:
    """Put a tenant's item into the table; the site follows by itself. An existing item is never overwritten."""
    from cli import items

    values = {"tenant_id": tenant_id, **items.given(wanted)}
    items.require_valid(values)
    otherwise = (
        f"'{tenant_id}' exists, and an existing item is not overwritten: see `fluxion tenants show {tenant_id}`; "
        f"`fluxion tenants retry {tenant_id}` asks for another run."
    )
    items.add(options, values, otherwise)
