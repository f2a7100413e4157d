"""Events go from the outbox to EventBridge: every one at least once, under the same id each time."""

from collections.abc import Mapping, Sequence
from typing import Any

from tenancy.domain import batching
from tenancy.domain.envelope import SOURCE
from tenancy.domain.errors import ServiceUnavailable
from tenancy.platform import aws
from tenancy.platform.settings import OutboxSettings

_A_CALL = {"entries": 10, "bytes": 256 * 1024}  # PutEvents, API reference; a smaller limit than today's 1 MB is safe


class Outbox:
    """The events of the ``provisioning`` table, on their way to the bus."""

    def __init__(self, settings: OutboxSettings) -> None:
        self._bus = settings.event_bus_name
        self._events = aws.client("events")

    def publish(self, records: Sequence[Mapping[str, Any]]) -> list[str]:
        """Publish the outbox items of these stream records (NEW_IMAGE).

        Returns sequence numbers from the first event on that the bus did not take, so that they come again in order.
        """
        for some in batching.packs(records, _A_CALL, _measure):
            try:
                with aws.calls("EventBridge"):
                    answer = self._events.put_events(Entries=[self._entry(record) for record in some])
            except ServiceUnavailable:
                return [some[0]["dynamodb"]["SequenceNumber"]]
            for record, result in zip(some, answer["Entries"], strict=True):
                if "EventId" not in result:
                    return [record["dynamodb"]["SequenceNumber"]]
        return []

    def _entry(self, record: Mapping[str, Any]) -> dict[str, Any]:
        image = record["dynamodb"]["NewImage"]
        return {
            "EventBusName": self._bus,
            "Source": SOURCE,
            "DetailType": image["type"]["S"],
            "Detail": image["detail"]["S"],
            "Time": image["occurred_at"]["S"],
        }


def _measure(record: Mapping[str, Any]) -> batching.Measures:
    image = record["dynamodb"]["NewImage"]
    # What counts is the time (14 bytes), source, type and detail (EventBridge user guide, size of an entry).
    texts = (SOURCE, image["type"]["S"], image["detail"]["S"])
    return {"entries": 1, "bytes": 14 + sum(len(text.encode()) for text in texts)}
