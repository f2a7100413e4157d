"""Send an e-mail for every failure: one each for a few, digests for many."""

from tenancy.failure_notifier import FailureNotifier
from tenancy.handlers import queue
from tenancy.platform.settings import NotifierSettings

handler = queue(FailureNotifier(NotifierSettings.from_environment()).notify)
