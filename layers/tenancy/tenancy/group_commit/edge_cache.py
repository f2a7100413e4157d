"""InvalidateCache: the edge cache forgets what it has of one tenant, by its tag, and of no other."""

from collections.abc import Sequence

from tenancy.domain.batching import Pace, Rate, Rules
from tenancy.domain.errors import ServiceThrottled
from tenancy.domain.events import CacheInvalidated
from tenancy.domain.plan import cache_tag
from tenancy.domain.record import TenantRecord
from tenancy.domain.systems import System
from tenancy.domain.values import digest_of
from tenancy.group_commit.protocol import Result, Start, Work
from tenancy.platform import aws
from tenancy.platform.settings import CacheSettings

WHO = "CloudFront"

_KNOWN = {"TooManyInvalidationsInProgress": ServiceThrottled}
# Tenants of a burst come here one by one, as their databases are published: after three calls, what comes within three
# seconds shares one. Nobody's site waits for that, since DNS takes longer to be in sync. A full call needs no company.
_CALLS = Rate(3, 1 / 3)


class EdgeCache:
    """The distribution's cache."""

    system = System.EDGE_CACHE

    def __init__(self, settings: CacheSettings) -> None:
        self._id = settings.distribution_id
        self._cloudfront = aws.client("cloudfront", contended=True)
        tags = settings.invalidations_per_second
        full = min(settings.tenants_a_call, tags)
        self.rules = Rules[Work](
            limits={"tenants": settings.tenants_a_call, "tags": tags},
            measure=lambda _: {"tenants": 1, "tags": 1},
            cost=lambda batch: {"calls": 1 - len(batch) / full, "tags": len(batch)},
        )
        self.pace = Pace({"calls": _CALLS, "tags": Rate(tags, tags)})

    def target(self, record: TenantRecord) -> str:
        """Return what the tenant serves now: the cache is right if it was last cleared for the same content."""
        return digest_of([record.content_digest, record.spec.get("desired_state")])

    def write(self, batch: Sequence[Work], start: Start) -> Sequence[Result]:
        """Make one invalidation for all. The same runs of the same tenants are the same invalidation to CloudFront."""
        start(batch)
        invalidation_id = self._invalidate(batch)
        return [_fact(item, invalidation_id) for item in batch]

    def _invalidate(self, batch: Sequence[Work]) -> str:
        tags = sorted(f"#{cache_tag(item.record.tenant_id)}" for item in batch)
        content = sorted([item.record.tenant_id, str(item.record.attempt), self.target(item.record)] for item in batch)
        with aws.calls(WHO, _KNOWN):
            answer = self._cloudfront.create_invalidation(
                DistributionId=self._id,
                InvalidationBatch={
                    "Paths": {"Quantity": len(tags), "Items": tags},
                    "CallerReference": digest_of(content),
                },
            )
        return str(answer["Invalidation"]["Id"])


def _fact(item: Work, invalidation_id: str) -> CacheInvalidated:
    return CacheInvalidated(
        stage=item.stage,
        attempt=item.record.attempt,
        tag=cache_tag(item.record.tenant_id),
        invalidation_id=invalidation_id,
    )
