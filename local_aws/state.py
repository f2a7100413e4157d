"""What the data plane (edge, name server) sees of the control plane's state, after AWS's propagation delay.

The edge and the name server run in the emulator's process and read through this module only, so that none of them
knows MiniStack's stores. Views are immutable and may be read from any thread.

    from local_aws import state
    state.records(zone_id)      # what the name servers answer NOW: a change shows `insync_seconds` later
    state.distributions()       # what the edge has NOW: a change shows `deploy_seconds` later
    state.on_change(callback)   # callback(Change), also for invalidations

Servers of the data plane are started by `local_aws` as `serve(settings)`: see `Settings` and `Server`.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from local_aws.quotas import Quotas

ACCOUNT = "000000000000"
REGION = "us-east-1"


@dataclass(frozen=True)
class Settings:
    """How this emulator was started. Ports are what was asked for; 0 is any free one."""

    state_dir: Path
    backend: str = "http://127.0.0.1:8000"
    """Base URL of the backend: what `origin.<base domain>` stands for."""
    port: int = 0
    edge_port: int = 0
    dns_port: int = 0
    insync_seconds: float = 1.0
    deploy_seconds: float = 2.0
    record_ttl: int = 5
    """TTL in seconds that the name server answers for alias records (Route 53 takes the target's own)."""
    base_domain: str = "fluxionia.localhost"
    host: str = "127.0.0.1"
    cache_dir: Path | None = None
    """Where unpacked code and layers are kept; None: below the state folder, gone with it."""
    quotas: Quotas | None = None
    """AWS's quotas in this emulator's own time (`Quotas.scaled`); None: nothing is throttled, and numbers are AWS's."""
    aliases: float = Quotas.aliases
    """Alternate domain names that a distribution may have where there are no quotas, as if AWS had raised that one."""


class Server(Protocol):
    """What `serve(settings)` of the edge and of the name server returns, once it listens.

    Both run in threads of their own (the edge with its own event loop): the caller's loop is MiniStack's.
    The edge also has `ca: Path`, the PEM file of the authority that signed its certificates.
    """

    port: int

    def close(self) -> None:
        """Stop listening and end all threads; returns when done."""


@dataclass(frozen=True)
class RecordView:
    """One record set. `name` is lower case, ends with a dot and has a literal `*`."""

    name: str
    type: str
    ttl: int | None
    values: tuple[str, ...] = ()
    alias_target: str | None = None
    """Target's DNS name with a final dot (a distribution's, or a name of the zone); None without an alias."""


@dataclass(frozen=True)
class ZoneView:
    id: str
    name: str
    """With a final dot."""
    private: bool = False


@dataclass(frozen=True)
class DistributionView:
    """A distribution as the edge locations have it.

    origins, behaviours, default_behaviour: MiniStack's `parse_distribution_dataplane_config` shapes, e.g. origin
    `{id, domain_name, origin_path, custom_headers, s3_bucket, https_port, protocol_policy, ...}`, behaviour
    `{path_pattern, target_origin_id, viewer_protocol_policy, allowed_methods, cache_policy_id,
    origin_request_policy_id, response_headers_policy_id, functions}`.
    """

    id: str
    domain_name: str
    aliases: tuple[str, ...]
    enabled: bool
    origins: Mapping[str, Mapping[str, Any]]
    default_behaviour: Mapping[str, Any]
    behaviours: tuple[Mapping[str, Any], ...]
    """In order of precedence, without the default one."""
    default_root_object: str
    error_caching_seconds: Mapping[int, int]
    """HTTP status -> ErrorCachingMinTTL; a status that is absent is cached for CloudFront's 10 s."""
    certificate_names: tuple[str, ...]
    """Domain name and alternative names of the ACM certificate; empty: `*.cloudfront.net` only."""
    cache_tag_header: str | None
    """CacheTagConfig.HeaderName, lower case; None: objects of this distribution carry no tags."""
    deployed_at: float
    """Unix time at which this configuration reached the edge."""
    record: Mapping[str, Any] = field(repr=False, default_factory=dict)
    """The MiniStack record of this (deployed) configuration, as `cloudfront.handle_viewer_request` takes it."""


@dataclass(frozen=True)
class Change:
    """Something the data plane may care for.

    kind, id: `zone` (zone id), `distribution` (distribution id), `invalidation` (distribution id).
    items: paths (`/x`, `/x*`) and tags (`#tag`, lower case) of an invalidation.
    effective_at: Unix time at which the data plane shows it.
    """

    kind: Literal["zone", "distribution", "invalidation"]
    id: str
    items: tuple[str, ...] = ()
    effective_at: float = 0.0


_lock = threading.RLock()
_callbacks: list[Callable[[Change], None]] = []
_delays = {"zone": 1.0, "distribution": 2.0}
_history: dict[tuple[str, str], list[tuple[float, Any]]] = defaultdict(list)  # (kind, id) -> [(effective at, snapshot)]


def configure(settings: Settings) -> None:
    """Set the propagation delays; called once, before the first change."""
    _delays.update(zone=settings.insync_seconds, distribution=settings.deploy_seconds)


def on_change(callback: Callable[[Change], None]) -> None:
    """Call `callback` for each accepted change, when it is accepted, on the accepting thread: it must not block."""
    _callbacks.append(callback)


def zones() -> list[ZoneView]:
    """All hosted zones."""
    from ministack.services import route53

    return [ZoneView(zone["id"], zone["name"].lower(), bool(zone.get("private"))) for zone in _all(route53._zones)]


def records(zone_id: str) -> tuple[RecordView, ...]:
    """What the zone's name servers know now, the same object until that changes; empty for a zone that is not (yet)."""
    found: tuple[RecordView, ...] | None = _current("zone", zone_id)
    return found or ()


def distributions() -> list[DistributionView]:
    """All distributions that have reached the edge, as they are there now."""
    with _lock:
        ids = [key[1] for key in _history if key[0] == "distribution"]
    return [view for view in (_current("distribution", id_) for id_ in ids) if view is not None]


def cache_policy(policy_id: str | None) -> Mapping[str, Any] | None:
    """The configuration of a managed or custom cache policy; None if there is none.

    `{Name, MinTTL, DefaultTTL, MaxTTL, Parameters: {HeaderBehavior, Headers, CookieBehavior, Cookies,
    QueryStringBehavior, QueryStrings, ...}}`, TTLs in seconds.
    """
    from ministack.services import cloudfront

    if not policy_id:
        return None
    policy = cloudfront._cache_policies.get_scoped(ACCOUNT, REGION, policy_id)
    policy = policy or cloudfront._MANAGED_CACHE_POLICIES.get(policy_id)
    return policy["Config"] if policy else None


def pending_until(kind: Literal["zone", "distribution"], id_: str) -> float:
    """Unix time at which the newest accepted change of it is (or was) in effect; 0 if it is unknown."""
    with _lock:
        entries = _history.get((kind, id_))
        return entries[-1][0] if entries else 0.0


# ---- what the bridges call ----


def zone_changed(zone_id: str, records: list[dict[str, Any]] | None) -> None:
    """Bridges: the zone's record sets were replaced by `records`; None: the zone was deleted."""
    _publish("zone", zone_id, list(records) if records is not None else None)


def distribution_changed(distribution_id: str, record: dict[str, Any] | None) -> None:
    """Bridges: the distribution was created or updated; None: it was deleted."""
    _publish("distribution", distribution_id, dict(record) if record is not None else None)


def invalidated(distribution_id: str, items: tuple[str, ...]) -> None:
    """Bridges: CreateInvalidation was accepted."""
    lowered = tuple(item.lower() if item.startswith("#") else item for item in items)
    _tell(Change("invalidation", distribution_id, lowered, time.time()))


def _publish(kind: Literal["zone", "distribution"], id_: str, snapshot: Any) -> None:
    effective_at = time.time() + _delays[kind]
    with _lock:
        entries = _history[(kind, id_)]
        if kind == "zone" and not entries:  # a zone answers (SOA, NS) as soon as it exists
            effective_at = time.time()
        entries.append((effective_at, snapshot))
    _tell(Change(kind, id_, (), effective_at))


def _tell(change: Change) -> None:
    for callback in tuple(_callbacks):
        callback(change)


def _current(kind: str, id_: str) -> Any:
    """The newest snapshot that is in effect, as a view, into which it is turned once; older ones are dropped."""
    now = time.time()
    with _lock:
        entries = _history.get((kind, id_))
        if not entries:
            return None
        while len(entries) > 1 and entries[1][0] <= now:
            entries.pop(0)
        effective_at, snapshot = entries[0]
        if effective_at > now:
            return None
        if isinstance(snapshot, list):
            snapshot = tuple(_record_view(record) for record in snapshot)
        elif isinstance(snapshot, dict):
            snapshot = _distribution_view(snapshot, effective_at)
        entries[0] = (effective_at, snapshot)
        if snapshot is None and len(entries) == 1:
            del _history[(kind, id_)]
        return snapshot


def _all(store: Any) -> list[Any]:
    return [value for (account, _), value in list(store._data.items()) if account == ACCOUNT]


def _record_view(record: Mapping[str, Any]) -> RecordView:
    alias = record.get("AliasTarget")
    return RecordView(
        name=record["Name"].lower().replace("\\052", "*"),
        type=record["Type"],
        ttl=int(record["TTL"]) if record.get("TTL") is not None else None,
        values=tuple(record.get("ResourceRecords") or ()),
        alias_target=alias["DNSName"].lower() if alias else None,
    )


def _distribution_view(record: dict[str, Any], deployed_at: float) -> DistributionView:
    from ministack.core.responses import request_scope
    from ministack.services import cloudfront

    with request_scope(ACCOUNT, REGION):
        parsed = cloudfront.parse_distribution_dataplane_config(record)
        config = cloudfront._dist_config_el(record)
        tag_config = cloudfront._find(config, "CacheTagConfig")
        tag_header = cloudfront._text(tag_config, "HeaderName").lower() if tag_config is not None else ""
        return DistributionView(
            id=record["Id"],
            domain_name=record["DomainName"].lower(),
            aliases=tuple(alias.lower() for alias in cloudfront._get_distribution_aliases(record)),
            enabled=bool(record["enabled"]),
            origins=parsed["origins"],
            default_behaviour=parsed["default_behavior"] or {},
            behaviours=tuple(parsed["ordered_behaviors"]),
            default_root_object=parsed["default_root_object"],
            error_caching_seconds=_error_caching(config),
            certificate_names=_certificate_names(config),
            cache_tag_header=tag_header or None,
            deployed_at=deployed_at,
            record=record,
        )


def _error_caching(config: Any) -> dict[int, int]:
    from ministack.services import cloudfront

    responses = cloudfront._find(config, "CustomErrorResponses")
    items = cloudfront._find(responses, "Items") if responses is not None else None
    return {
        int(cloudfront._text(item, "ErrorCode")): int(cloudfront._text(item, "ErrorCachingMinTTL") or 10)
        for item in (items if items is not None else ())
    }


def certificate_names(certificate_arn: str) -> tuple[str, ...]:
    """Domain name and alternative names, lower case, of an ACM certificate; empty if it is unknown."""
    from ministack.services import acm

    for (_, _, arn), certificate in list(acm._certificates._data.items()):
        if arn == certificate_arn:
            names = (certificate["DomainName"], *certificate.get("SubjectAlternativeNames", ()))
            return tuple(dict.fromkeys(name.lower() for name in names))
    return ()


def _certificate_names(config: Any) -> tuple[str, ...]:
    from ministack.services import cloudfront

    viewer = cloudfront._find(config, "ViewerCertificate")
    return certificate_names(cloudfront._text(viewer, "ACMCertificateArn")) if viewer is not None else ()
