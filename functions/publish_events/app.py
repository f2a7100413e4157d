"""What is in the outbox goes to EventBridge."""

from tenancy.outbox import Outbox
from tenancy.settings import OutboxSettings
from tenancy.stage import ordered_stream

handler = ordered_stream(Outbox(OutboxSettings.from_environment()).publish)
