"""Every failure is e-mailed: a few one by one, many as digests."""

from tenancy.notifying import FailureNotifier
from tenancy.settings import NotifierSettings
from tenancy.stage import queue

handler = queue(FailureNotifier(NotifierSettings.from_environment()).notify)
