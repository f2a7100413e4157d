"""The distribution: the tenants' hosts as its alternate domain names, all of them behind one ETag."""

from collections.abc import Sequence
from typing import Any

from aws_lambda_powertools import Logger

from tenancy import aws, batching
from tenancy.errors import (
    AliasBelongsToOthers,
    AliasQuotaExceeded,
    CertificateDoesNotCover,
    ConcurrentUpdate,
    PermanentError,
    RequestRefused,
)
from tenancy.events import CnameAttached
from tenancy.group_commit import Result, Start, Work
from tenancy.model import TenantRecord
from tenancy.plan import plan_aliases
from tenancy.settings import AliasSettings

WHO = "CloudFront"

_READ_AGAIN = 5  # times a write may find that somebody else was faster
_WARN_AT = 0.8  # of the quota
_KNOWN = {
    "CNAMEAlreadyExists": AliasBelongsToOthers,
    "TooManyDistributionCNAMEs": AliasQuotaExceeded,
    "InvalidViewerCertificate": CertificateDoesNotCover,
    "PreconditionFailed": ConcurrentUpdate,
    "InvalidIfMatchVersion": ConcurrentUpdate,
}
_DIVISIBLE = (AliasBelongsToOthers, AliasQuotaExceeded, CertificateDoesNotCover, RequestRefused)

logger = Logger(child=True)


class Distribution:
    """The one distribution of the edge mode ``alias``."""

    system = "cdn_aliases"

    def __init__(self, settings: AliasSettings) -> None:
        self.settings = settings
        self._id = settings.distribution_id

    def target(self, record: TenantRecord) -> str:
        """The distribution that should answer for the tenant's host."""
        return self._id

    def commit(self, work: Sequence[Work], start: Start) -> list[tuple[Work, Result]]:
        """Add the hosts of all in one update, if CloudFront has nothing against any of them."""

        def write(batch: Sequence[Work]) -> None:
            self._write(batch, start)

        return [(item, error or self._fact(item)) for item, error in batching.commit(work, write, divisible=_DIVISIBLE)]

    def _write(self, batch: Sequence[Work], start: Start) -> None:
        for tries_left in reversed(range(_READ_AGAIN)):
            try:
                self._read_plan_write(batch, start)
            except ConcurrentUpdate:
                if not tries_left:
                    raise
            else:
                return

    def _read_plan_write(self, batch: Sequence[Work], start: Start) -> None:
        with aws.calls(WHO, _KNOWN):
            found = _cloudfront().get_distribution_config(Id=self._id)
        config, etag = found["DistributionConfig"], found["ETag"]
        current = config.get("Aliases", {}).get("Items", [])
        hosts = [item.record.host for item in batch]
        owned = {item.record.host for item in batch if item.is_owned}
        plan = plan_aliases(current, hosts, owned, self.settings.alias_quota)
        self._refuse(plan.conflicts, plan.over_quota)
        if not plan.changed:
            return
        if len(plan.aliases) >= _WARN_AT * self.settings.alias_quota:
            logger.warning(
                "the distribution's aliases near their quota",
                extra={"aliases": len(plan.aliases), "quota": self.settings.alias_quota},
            )
        start(batch)
        config["Aliases"] = {"Quantity": len(plan.aliases), "Items": list(plan.aliases)}
        with aws.calls(WHO, _KNOWN):
            _cloudfront().update_distribution(Id=self._id, IfMatch=etag, DistributionConfig=config)

    def _refuse(self, conflicts: frozenset[str], over_quota: Sequence[str]) -> None:
        error: PermanentError | None = None
        if conflicts:
            hosts = ", ".join(sorted(conflicts))
            error = AliasBelongsToOthers(f"distribution {self._id} already has the alias {hosts}, and not from us")
        elif over_quota:
            error = AliasQuotaExceeded(
                f"distribution {self._id} may have {self.settings.alias_quota} aliases: no room for "
                f"{', '.join(over_quota[:5])}"
            )
        if error:
            raise error

    def _fact(self, item: Work) -> CnameAttached:
        return CnameAttached(
            stage=item.stage, attempt=item.record.attempt, host=item.record.host, distribution_id=self._id
        )


def _cloudfront() -> Any:
    return aws.client("cloudfront", contended=True)
