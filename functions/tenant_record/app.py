"""Move a tenant from one status to the next. No other function does."""

from tenancy.handlers import stage
from tenancy.platform.settings import LifecycleSettings
from tenancy.tenant_record.claim_tenant import TenantLifecycle
from tenancy.tenant_record.hold_tenant import TenantOffboarding
from tenancy.tenant_record.record_failure import TenantFailures

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
