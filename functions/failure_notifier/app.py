"""Every failure is e-mailed: a few one by one, many as digests."""

from tenancy.failure_notifier import FailureNotifier
from tenancy.handlers import queue
from tenancy.platform.settings import NotifierSettings

handler = queue(FailureNotifier(NotifierSettings.from_environment()).notify)
