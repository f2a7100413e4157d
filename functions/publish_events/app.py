"""Publish the events of the outbox to EventBridge."""

from tenancy.handlers import ordered_stream
from tenancy.platform.settings import OutboxSettings
from tenancy.publish_events import Outbox

handler = ordered_stream(Outbox(OutboxSettings.from_environment()).publish)
