"""Invalidations take time, and only so many may be under way.

AWS: an invalidation is InProgress until every edge location has done it; a distribution has at most 3,000 files and 15
paths with a wildcard under way (TooManyInvalidationsInProgress). Stock MiniStack: Completed at once, no limit.

Source: docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateInvalidation.html, …/DeveloperGuide/
cloudfront-limits.html. Different: the edge has it at once, `--deploy-seconds` before it is Completed. The rates (150
files or tags and one wildcard a second) are the quota model's.

Upstream: in part: the limits of what is under way; the delay is ours.
"""

from __future__ import annotations

import time
from typing import Any

from ministack.services import cloudfront

from local_aws import patching
from local_aws.quotas import Quotas
from local_aws.settings import Settings


def _settle(distribution_id: str, seconds: float) -> list[dict[str, Any]]:
    """Complete what has taken its time; return the invalidations that are still under way."""
    known = cloudfront._invalidations.get(distribution_id) or []
    for invalidation in known:
        if time.monotonic() >= invalidation.setdefault("accepted", time.monotonic()) + seconds:
            invalidation["Status"] = "Completed"
    return [invalidation for invalidation in known if invalidation["Status"] == "InProgress"]


def exceeded(items: list[str], under_way: list[str], quotas: Quotas) -> str | None:
    """Return the message of the refusal of more items beside those under way; None if they may be."""
    wild = sum(item.endswith("*") for item in (*items, *under_way))
    if wild > quotas.wildcard_invalidations_in_progress and any(item.endswith("*") for item in items):
        return (
            "Processing your request will cause you to exceed the maximum number of in-progress wildcard invalidations."
        )
    if len(items) + len(under_way) - wild > quotas.invalidations_in_progress:
        return "Processing your request will cause you to exceed the maximum number of in-progress invalidations."
    return None


def install(settings: Settings) -> None:
    quotas = settings.quotas or Quotas()
    seconds = settings.quotas.invalidation_seconds if settings.quotas else settings.deploy_seconds

    def create(original: Any) -> Any:
        def create_invalidation(distribution_id: str, body: bytes) -> Any:
            batch = cloudfront._parse_body(body)
            under_way = _settle(distribution_id, seconds)
            if batch is not None:
                items = [el.text or "" for el in batch.iter() if cloudfront._local_tag_name(el) == "Path"]
                reference = cloudfront._text(batch, "CallerReference")
                known = [one["InvalidationBatch"] for one in cloudfront._invalidations.get(distribution_id) or ()]
                waiting = [item for one in under_way for item in one["InvalidationBatch"]["Paths"]["Items"]]
                repeated = any(one["CallerReference"] == reference for one in known)
                if not repeated and (message := exceeded(items, waiting, quotas)):
                    return cloudfront._error("TooManyInvalidationsInProgress", message, 400)
            answer = original(distribution_id, body)
            _settle(distribution_id, seconds)
            return answer

        return create_invalidation

    def read(original: Any) -> Any:
        def get_or_list(distribution_id: str, *more: Any) -> Any:
            _settle(distribution_id, seconds)
            return original(distribution_id, *more)

        return get_or_list

    patching.edit(cloudfront, "_create_invalidation", ('"Status": "Completed"', '"Status": "InProgress"'))
    patching.replace(cloudfront, "_create_invalidation", create, "_invalidations[dist_id].append(inv)")
    patching.replace(cloudfront, "_get_invalidation", read, "_invalidations.get(dist_id, [])")
    patching.replace(cloudfront, "_list_invalidations", read, "_invalidations.get(dist_id, [])")
