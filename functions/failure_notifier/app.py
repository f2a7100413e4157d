"""Every failure becomes an e-mail."""

from tenancy.notifying import FailureNotifier
from tenancy.settings import NotifierSettings
from tenancy.stage import queue

handler = queue(FailureNotifier(NotifierSettings.from_environment()).notify)
