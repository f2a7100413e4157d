"""Whoever is due is started again, and what is not as it is on record is put right, without a hand."""

from tenancy.reconciling import Reconciler
from tenancy.repairing import Repairing
from tenancy.settings import ReconcileSettings
from tenancy.stage import schedule

settings = ReconcileSettings.from_environment()
handler = schedule(due=Reconciler(settings).start_due, drift=Repairing(settings).look)
