"""Whoever is due is started again, without a hand."""

from tenancy.reconciling import Reconciler
from tenancy.settings import ReconcileSettings
from tenancy.stage import schedule

handler = schedule(Reconciler(ReconcileSettings.from_environment()).start_due)
