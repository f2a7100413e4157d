"""What a tenant's site needs to know about itself."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict

from backend.repository import TenantRows


class TenantSite(BaseModel):
    """The tenant's configuration. Public, so without the tenant's contact."""

    model_config = ConfigDict(frozen=True)

    tenant_id: str
    name: str
    tier: str
    settings: dict[str, Any]
    status: str


def site(rows: TenantRows, status: str) -> TenantSite:
    """The tenant's own configuration, in the status that its visitors see."""
    found = rows.one("SELECT tenant_id, name, tier FROM tenants WHERE tenant_id = $tenant_id")
    assert found is not None, "the rows were opened by it"  # noqa: S101
    settings = rows.all("SELECT key, value FROM settings WHERE tenant_id = $tenant_id ORDER BY key")
    return TenantSite(**found, status=status, settings={row["key"]: json.loads(row["value"]) for row in settings})
