"""The only code that moves a tenant from one status to the next."""

from tenancy.lifecycle import TenantLifecycle
from tenancy.settings import RecordSettings
from tenancy.stage import stage

tenant = TenantLifecycle(RecordSettings.from_environment())

handler = stage(
    ClaimTenant=tenant.claim,
    ActivateTenant=tenant.activate,
    RecordFailure=tenant.record_failure,
    HoldTenant=tenant.hold,
)
