"""Tell a tenant's site what it needs to know about itself."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from backend.tenant.repository import TenantRows


class TenantSite(BaseModel):
    """Hold the tenant's configuration. It is public, so without the tenant's contact."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    name: str
    tier: str
    settings: dict[str, Any]
    status: str


def site(rows: TenantRows, status: str) -> TenantSite:
    """Return the tenant's own configuration, in the status that its visitors see."""
    # One statement, and sorted here: a statement costs the engine more than a handful of rows does.
    found = rows.all(
        "SELECT tenants.tenant_id, name, tier, key, value FROM tenants LEFT JOIN settings USING (tenant_id)"
        " WHERE tenants.tenant_id = $tenant_id"
    )
    own = {name: found[0][name] for name in ("tenant_id", "name", "tier")}
    settings = {row["key"]: json.loads(row["value"]) for row in found if row["key"] is not None}
    return TenantSite(**own, status=status, settings=dict(sorted(settings.items())))
