"""The only code that moves a tenant from one status to the next."""

from tenancy.failing import TenantFailures
from tenancy.lifecycle import TenantLifecycle
from tenancy.offboarding import TenantOffboarding
from tenancy.settings import LifecycleSettings
from tenancy.stage import stage

settings = LifecycleSettings.from_environment()
tenant = TenantLifecycle(settings)
failures = TenantFailures(settings)
offboarding = TenantOffboarding(settings)
handler = stage(
    ClaimTenant=tenant.claim,
    SuspendTenant=tenant.suspend,
    ActivateTenant=tenant.activate,
    RollBack=failures.roll_back,
    RecordFailure=failures.record_failure,
    HoldTenant=offboarding.hold,
    ReleaseHostname=offboarding.release,
)
