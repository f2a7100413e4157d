"""The shared systems, Route 53 and CloudFront, as far as the product uses them, with AWS's refusals.

Strict where it matters: what AWS refuses is refused with its code, and an operation or a parameter that nobody thought
of raises NotImplementedError instead of passing. The embedded AWS is held to the same words in local_aws/tests.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from local_aws.quotas import ZONE_BATCH_RECORDS, Quotas
from tests.faults.refusals import Refused, known_only

_CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"


# --- Route 53 ---------------------------------------------------------------------------------------------------------


@dataclass
class Zone:
    """One hosted zone. propagation: seconds until a change is served. history: every state that was served."""

    id: str
    apex: str
    records: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    propagation: float = 0.0
    history: list[tuple[float, dict[tuple[str, str], dict[str, Any]]]] = field(default_factory=list)
    changes: int = 0

    def put(self, host: str, kind: str, value: str) -> None:
        """What somebody else has in the zone."""
        self._set({**self.records, (host, kind): _plain_record(host, kind, value)}, 0.0)

    def call(self, operation: str, params: Mapping[str, Any], now: float) -> dict[str, Any]:
        if operation not in _ROUTE53:
            raise NotImplementedError(f"Route 53 {operation} is not known here")
        zone_id = params.get("HostedZoneId") or params.get("Id", "")
        if str(zone_id).removeprefix("/hostedzone/") != self.id:
            raise Refused("NoSuchHostedZone", f"No hosted zone found with ID: {zone_id}", 404)
        return _ROUTE53[operation](self, params, now)

    def served(self, host: str, now: float) -> dict[str, dict[str, Any]]:
        """type → record set, as the name servers answer now."""
        state = next((records for since, records in reversed(self.history) if since <= now), {})
        return {kind: record for (name, kind), record in state.items() if name == host}

    def _change(self, params: Mapping[str, Any], now: float) -> dict[str, Any]:
        known_only(params, "HostedZoneId", "ChangeBatch")
        changes = params["ChangeBatch"]["Changes"]
        if len(changes) > ZONE_BATCH_RECORDS:
            raise Refused("InvalidChangeBatch", f"Number of records limit of {ZONE_BATCH_RECORDS} exceeded")
        after = dict(self.records)
        for change in changes:
            self._apply(after, change["Action"], change["ResourceRecordSet"])
        self.changes += 1
        self._set(after, now + self.propagation)
        info = {"Id": f"/change/C{self.changes}", "Status": "PENDING", "SubmittedAt": "2027-01-15T08:00:00Z"}
        return {"ChangeInfo": info}

    def _apply(self, after: dict[tuple[str, str], dict[str, Any]], action: str, record: Mapping[str, Any]) -> None:
        host, kind = record["Name"].lower().rstrip("."), record["Type"]
        if host != self.apex and not host.endswith(f".{self.apex}"):
            raise Refused("InvalidChangeBatch", f"RRSet with DNS name {host}. is not permitted in zone {self.apex}.")
        wanted = {**record, "Name": f"{host}."}
        named = f"[name='{host}.', type='{kind}']"
        if action == "CREATE":
            if (host, kind) in after:
                message = f"[Tried to create resource record set {named} but it already exists]"
                raise Refused("InvalidChangeBatch", message)
            _require_alone(after, host, kind)
            after[host, kind] = wanted
        elif action == "DELETE":
            if (host, kind) not in after:
                raise Refused(
                    "InvalidChangeBatch", f"[Tried to delete resource record set {named} but it was not found]"
                )
            if after[host, kind] != wanted:
                why = "the values provided do not match the current values"
                raise Refused("InvalidChangeBatch", f"[Tried to delete resource record set {named} but {why}]")
            del after[host, kind]
        elif action == "UPSERT":
            _require_alone(after, host, kind)
            after[host, kind] = wanted
        else:
            raise Refused("InvalidInput", f"Invalid action {action}")

    def _list(self, params: Mapping[str, Any], _: float) -> dict[str, Any]:
        known_only(params, "HostedZoneId", "StartRecordName", "StartRecordType", "MaxItems")
        start = params.get("StartRecordName", "").lower().rstrip("."), params.get("StartRecordType", "")
        most = int(params.get("MaxItems", 300))
        order: Callable[[tuple[str, str]], tuple[list[str], str]] = lambda key: (key[0].split(".")[::-1], key[1])  # noqa: E731
        keys = sorted((key for key in self.records if not start[0] or order(key) >= order(start)), key=order)
        answer: dict[str, Any] = {
            "ResourceRecordSets": [copy.deepcopy(self.records[key]) for key in keys[:most]],
            "IsTruncated": len(keys) > most,
            "MaxItems": str(most),
        }
        if len(keys) > most:
            answer |= {"NextRecordName": f"{keys[most][0]}.", "NextRecordType": keys[most][1]}
        return answer

    def _get(self, _: Mapping[str, Any], __: float) -> dict[str, Any]:
        zone = {"Id": f"/hostedzone/{self.id}", "Name": f"{self.apex}.", "CallerReference": "x"}
        return {"HostedZone": {**zone, "ResourceRecordSetCount": len(self.records)}}

    def _set(self, records: dict[tuple[str, str], dict[str, Any]], since: float) -> None:
        self.records = records
        self.history.append((since, records))


_ROUTE53: dict[str, Callable[[Zone, Mapping[str, Any], float], dict[str, Any]]] = {
    "ChangeResourceRecordSets": Zone._change,
    "ListResourceRecordSets": Zone._list,
    "GetHostedZone": Zone._get,
}


def _require_alone(after: Mapping[tuple[str, str], Any], host: str, kind: str) -> None:
    """A CNAME has its name for itself."""
    rivals = [other for name, other in after if name == host and other != kind]
    if "CNAME" in rivals or (kind == "CNAME" and rivals):
        who = f"RRSet of type {kind} with DNS name {host}."
        message = f"[{who} is not permitted because a conflicting RRSet of type {rivals[0]} already exists in zone]"
        raise Refused("InvalidChangeBatch", message)


def _plain_record(host: str, kind: str, value: str) -> dict[str, Any]:
    return {"Name": f"{host}.", "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": value}]}


def alias_record(host: str, kind: str, target: str) -> dict[str, Any]:
    """An alias of a distribution, as Route 53 shows it."""
    where = {"HostedZoneId": _CLOUDFRONT_ZONE, "DNSName": target, "EvaluateTargetHealth": False}
    return {"Name": f"{host}.", "Type": kind, "AliasTarget": where}


# --- CloudFront -------------------------------------------------------------------------------------------------------


@dataclass
class CloudFront:
    """All distributions of all accounts: id → aliases; ours is the one that may be changed."""

    ours: str
    covered: tuple[str, ...]
    aliases: dict[str, list[str]] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    quota: float = Quotas.aliases
    invalidations: dict[str, dict[str, Any]] = field(default_factory=dict)
    updates: int = 0

    def call(self, operation: str, params: Mapping[str, Any], _: float) -> dict[str, Any]:
        if operation not in _CLOUDFRONT:
            raise NotImplementedError(f"CloudFront {operation} is not known here")
        found = params.get("Id") or params.get("DistributionId", "")
        if found not in self.aliases:
            raise Refused("NoSuchDistribution", "The specified distribution does not exist.", 404)
        return _CLOUDFRONT[operation](self, params)

    def attach_elsewhere(self, distribution: str, *hosts: str) -> None:
        """What somebody else's distribution has."""
        self.aliases.setdefault(distribution, []).extend(hosts)

    def _etag(self, distribution: str) -> str:
        return f"E{self.versions.get(distribution, 1):013d}"

    def _get_config(self, params: Mapping[str, Any]) -> dict[str, Any]:
        aliases = self.aliases[params["Id"]]
        config = {
            "CallerReference": "x",
            "Comment": "Fluxion tenant sites",
            "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [{"Id": "backend", "DomainName": "origin.fluxionia.co"}]},
            "DefaultCacheBehavior": {"TargetOriginId": "backend", "ViewerProtocolPolicy": "redirect-to-https"},
            "Aliases": {"Quantity": len(aliases), **({"Items": list(aliases)} if aliases else {})},
        }
        return {"DistributionConfig": config, "ETag": self._etag(params["Id"])}

    def _update(self, params: Mapping[str, Any]) -> dict[str, Any]:
        known_only(params, "Id", "IfMatch", "DistributionConfig")
        distribution, aliases = params["Id"], params["DistributionConfig"]["Aliases"]
        wanted = list(aliases.get("Items", []))
        if params.get("IfMatch") is None:
            raise Refused("InvalidIfMatchVersion", "The If-Match version is missing or not valid for the resource.")
        if params["IfMatch"] != self._etag(distribution):
            raise Refused("PreconditionFailed", "The request failed because it didn't meet the preconditions", 412)
        if aliases["Quantity"] != len(wanted):
            raise Refused("InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
        if len(set(wanted)) < len(wanted):
            raise Refused("InvalidArgument", "The parameter Aliases contains duplicates.")
        if len(wanted) > self.quota:
            raise Refused("TooManyDistributionCNAMEs", "Your request contains more CNAMEs than are allowed.")
        if uncovered := [host for host in wanted if not self._is_covered(host)]:
            raise Refused(
                "InvalidViewerCertificate", f"The certificate doesn't cover the alternate domain: {uncovered}"
            )
        taken = {host for other, hosts in self.aliases.items() if other != distribution for host in hosts}
        if conflicts := sorted(taken & set(wanted)):
            message = (
                f"One or more of the CNAMEs you provided are already associated with a different resource: {conflicts}"
            )
            raise Refused("CNAMEAlreadyExists", message, 409)
        self.aliases[distribution] = wanted
        self.versions[distribution] = self.versions.get(distribution, 1) + 1
        self.updates += 1
        return {"Distribution": {"Id": distribution, "Status": "InProgress"}, "ETag": self._etag(distribution)}

    def _is_covered(self, host: str) -> bool:
        return any(host == name or (name[:2] == "*." and host.partition(".")[2] == name[2:]) for name in self.covered)

    def _invalidate(self, params: Mapping[str, Any]) -> dict[str, Any]:
        known_only(params, "DistributionId", "InvalidationBatch")
        batch = params["InvalidationBatch"]
        if batch["Paths"]["Quantity"] != len(batch["Paths"]["Items"]):
            raise Refused("InconsistentQuantities", "The value of Quantity and the size of Items don't match.")
        known = self.invalidations.setdefault(batch["CallerReference"], copy.deepcopy(dict(batch)))
        if known != batch:
            raise Refused("InvalidArgument", "Your request contains a caller reference that was used with other paths.")
        number = list(self.invalidations).index(batch["CallerReference"]) + 1
        return {"Location": "", "Invalidation": {"Id": f"I{number:013d}", "Status": "InProgress"}}


_CLOUDFRONT: dict[str, Callable[[CloudFront, Mapping[str, Any]], dict[str, Any]]] = {
    "GetDistributionConfig": CloudFront._get_config,
    "UpdateDistribution": CloudFront._update,
    "CreateInvalidation": CloudFront._invalidate,
}
