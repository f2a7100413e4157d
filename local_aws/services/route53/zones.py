"""The hosted zones of this process, as their name servers know them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ministack.services import route53

from local_aws import propagation
from local_aws.services.route53.name_server import RecordView, ZoneView
from local_aws.settings import ACCOUNT


class HostedZones:
    """MiniStack's hosted zones, as far as they are in sync."""

    def zones(self) -> Sequence[ZoneView]:
        """Return all hosted zones."""
        zones = [zone for (account, _), zone in list(route53._zones._data.items()) if account == ACCOUNT]
        return [ZoneView(zone["id"], zone["name"].lower(), bool(zone.get("private"))) for zone in zones]

    def records(self, zone_id: str) -> tuple[RecordView, ...]:
        """Return what the zone's name servers know now, the same object until that changes."""
        return propagation.current("zone", zone_id) or ()

    def edge_names(self) -> set[str]:
        """Return the domain names of the distributions that are deployed."""
        return {view.domain_name for view in propagation.all_current("distribution")}


def views(records: Sequence[Mapping[str, Any]]) -> tuple[RecordView, ...]:
    """Return views of MiniStack's record sets."""
    return tuple(_view(record) for record in records)


def _view(record: Mapping[str, Any]) -> RecordView:
    alias = record.get("AliasTarget")
    return RecordView(
        name=record["Name"].lower().replace("\\052", "*"),
        type=record["Type"],
        ttl=int(record["TTL"]) if record.get("TTL") is not None else None,
        values=tuple(record.get("ResourceRecords") or ()),
        alias_target=alias["DNSName"].lower() if alias else None,
    )
