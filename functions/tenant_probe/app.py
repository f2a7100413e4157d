"""The first visitor of every site."""

from tenancy.settings import ProbeSettings
from tenancy.stage import stage
from tenancy.verification import Verification

handler = stage(Verification(ProbeSettings.from_environment()).verify)
