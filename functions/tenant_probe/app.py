"""Visit each new site first, and check that a suspended one is closed."""

from tenancy.handlers import stage
from tenancy.platform.settings import ProbeSettings
from tenancy.tenant_probe.verify_tenant import Verification

verification = Verification(ProbeSettings.from_environment())
handler = stage(VerifyTenant=verification.verify, VisitSuspended=verification.visit_suspended)
