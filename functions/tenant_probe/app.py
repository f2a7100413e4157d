"""The first visitor of every site, and the one who looks whether a suspended one is closed."""

from tenancy.settings import ProbeSettings
from tenancy.stage import stage
from tenancy.verification import Verification

verification = Verification(ProbeSettings.from_environment())
handler = stage(VerifyTenant=verification.verify, VisitSuspended=verification.visit_suspended)
