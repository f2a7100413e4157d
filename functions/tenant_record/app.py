"""Move a tenant from one status to the next. No other function does."""

from tenancy.handlers import stage
from tenancy.platform.settings import LifecycleSettings
from tenancy.tenant_record.activate_tenant import ActivateTenant
from tenancy.tenant_record.claim_tenant import ClaimTenant
from tenancy.tenant_record.hold_tenant import HoldTenant
from tenancy.tenant_record.record_failure import RecordFailure
from tenancy.tenant_record.release_hostname import ReleaseHostname
from tenancy.tenant_record.roll_back import RollBack
from tenancy.tenant_record.suspend_tenant import SuspendTenant

settings = LifecycleSettings.from_environment()
handler = stage(
    ClaimTenant=ClaimTenant(settings).run,
    SuspendTenant=SuspendTenant(settings).run,
    ActivateTenant=ActivateTenant(settings).run,
    RollBack=RollBack(settings).run,
    RecordFailure=RecordFailure(settings).run,
    HoldTenant=HoldTenant(settings).run,
    ReleaseHostname=ReleaseHostname(settings).run,
)
