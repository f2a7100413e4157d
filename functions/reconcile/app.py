"""Start tenants that are due again, and repair what differs from the record, without an operator."""

from tenancy.handlers import schedule
from tenancy.platform.settings import ReconcileSettings
from tenancy.reconcile.repair import Repairing
from tenancy.reconcile.start_due import Reconciler

settings = ReconcileSettings.from_environment()
handler = schedule(due=Reconciler(settings).start_due, drift=Repairing(settings).look)
