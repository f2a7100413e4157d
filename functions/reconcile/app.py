"""Whoever is due is started again, and what is not as it is on record is put right, without a hand."""

from tenancy.handlers import schedule
from tenancy.platform.settings import ReconcileSettings
from tenancy.reconcile.repair import Repairing
from tenancy.reconcile.start_due import Reconciler

settings = ReconcileSettings.from_environment()
handler = schedule(due=Reconciler(settings).start_due, drift=Repairing(settings).look)
