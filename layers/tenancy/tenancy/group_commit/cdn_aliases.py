"""AttachCname and DetachCname: the distribution has the tenants' hosts as its aliases, all behind one ETag."""

from collections.abc import Sequence

from tenancy.domain.batching import Pace, Rate, Rules
from tenancy.domain.errors import (
    AliasBelongsToOthers,
    AliasQuotaExceeded,
    CertificateDoesNotCover,
    ConcurrentUpdate,
    PermanentError,
    RequestRefused,
)
from tenancy.domain.events import CnameAttached, CnameDetached
from tenancy.domain.plan import AliasPlan, plan_aliases
from tenancy.domain.record import TenantRecord
from tenancy.domain.systems import System
from tenancy.group_commit.protocol import Result, Start, Work
from tenancy.platform import aws, quota
from tenancy.platform.settings import AliasSettings

WHO = "CloudFront"

_READ_AGAIN = 5  # times a write may find that somebody else was faster
_KNOWN = {
    "CNAMEAlreadyExists": AliasBelongsToOthers,
    "TooManyDistributionCNAMEs": AliasQuotaExceeded,
    "InvalidViewerCertificate": CertificateDoesNotCover,
    "PreconditionFailed": ConcurrentUpdate,
    "InvalidIfMatchVersion": ConcurrentUpdate,
}
_DIVISIBLE = (AliasBelongsToOthers, AliasQuotaExceeded, CertificateDoesNotCover, RequestRefused)


class Distribution:
    """The one distribution of the edge mode ``alias``."""

    system = System.CDN_ALIASES

    def __init__(self, settings: AliasSettings) -> None:
        self._settings = settings
        self._cloudfront = aws.client("cloudfront", contended=True)
        self._id = settings.distribution_id
        self.rules = Rules[Work](
            limits={"tenants": settings.tenants_a_call},
            measure=lambda _: {"tenants": 1},
            cost=lambda _: {"updates": 1},
            divisible=_DIVISIBLE,
        )
        self.pace = Pace({"updates": Rate(1, settings.distribution_updates_per_second)})

    def target(self, record: TenantRecord) -> str:
        """Return the distribution that should answer for the tenant's host."""
        return self._id

    def write(self, batch: Sequence[Work], start: Start) -> Sequence[Result]:
        """Add the hosts of all, or take out those that are to be undone, in one update.

        Whoever was faster with another update is read, and planned with.
        """
        for tries_left in reversed(range(_READ_AGAIN)):
            try:
                return self._read_plan_write(batch, start)
            except ConcurrentUpdate:
                if not tries_left:
                    raise
        raise AssertionError("the last try returns or raises")

    def _read_plan_write(self, batch: Sequence[Work], start: Start) -> Sequence[Result]:
        with aws.calls(WHO, _KNOWN):
            found = self._cloudfront.get_distribution_config(Id=self._id)
        config, etag = found["DistributionConfig"], found["ETag"]
        current = config.get("Aliases", {}).get("Items", [])
        attach = [item.record.host for item in batch if item.is_wanted]
        detach = {item.record.host for item in batch if not item.is_wanted}
        owned = {item.record.host for item in batch if item.is_owned}
        gone = self._not_as_proven(batch, current)
        attach = [host for host in attach if host not in gone]
        plan = plan_aliases(current, attach, owned, self._settings.alias_quota, detach)
        refused = self._refused(plan) | gone
        if plan.changed:
            quota.report("AliasQuotaUsed", len(plan.aliases), self._settings.alias_quota)
            start([item for item in batch if item.record.host not in refused])
            config["Aliases"] = {"Quantity": len(plan.aliases), "Items": list(plan.aliases)}
            with aws.calls(WHO, _KNOWN):
                self._cloudfront.update_distribution(Id=self._id, IfMatch=etag, DistributionConfig=config)
        return [refused.get(item.record.host) or self._fact(item) for item in batch]

    def _not_as_proven(self, batch: Sequence[Work], current: Sequence[str]) -> dict[str, PermanentError]:
        """Refuse hosts that are to be adopted, and are no aliases of the distribution any more."""
        return {
            item.record.host: AliasBelongsToOthers(
                f"{item.record.host} was to be adopted as an alias of {self._id}, which does not have it; if it has "
                "been adopted already, take adopt out of the item"
            )
            for item in batch
            if item.is_wanted and item.is_adopted and item.record.host not in current
        }

    def _refused(self, plan: AliasPlan) -> dict[str, PermanentError]:
        taken: dict[str, PermanentError] = {
            host: AliasBelongsToOthers(f"distribution {self._id} already has the alias {host}, and not from us")
            for host in plan.conflicts
        }
        most = self._settings.alias_quota
        no_room: dict[str, PermanentError] = {
            host: AliasQuotaExceeded(f"distribution {self._id} may have {most} aliases: no room for {host}")
            for host in plan.over_quota
        }
        return taken | no_room

    def _fact(self, item: Work) -> CnameAttached | CnameDetached:
        kind = CnameAttached if item.is_wanted else CnameDetached
        return kind(stage=item.stage, attempt=item.record.attempt, host=item.record.host, distribution_id=self._id)
