"""The only code that moves a tenant from one status to the next."""

from tenancy.failing import TenantFailures
from tenancy.lifecycle import TenantLifecycle
from tenancy.settings import RecordSettings
from tenancy.stage import stage

settings = RecordSettings.from_environment()
tenant = TenantLifecycle(settings)
failures = TenantFailures(settings)

handler = stage(
    ClaimTenant=tenant.claim,
    ActivateTenant=tenant.activate,
    RollBack=failures.roll_back,
    RecordFailure=failures.record_failure,
    HoldTenant=tenant.hold,
)
