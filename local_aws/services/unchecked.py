"""Tell the edge and the name server of changes while the bridges of CloudFront or Route 53 are left out.

Those two bridges check what is written, and tell the data plane about it. Without them there would be no site to visit,
so a comparison with stock MiniStack (tests/mutation/emulator) keeps the telling, and drops the checks. A change is in
effect at once: stock MiniStack knows no propagation.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from local_aws import propagation
from local_aws.settings import Settings


def _content(*_: Any) -> None:
    """Find no fault."""


def install(settings: Settings, off: Collection[str]) -> None:
    """Install, of the bridges in `off`, what tells the data plane."""
    if "cloudfront.distributions" in off:
        propagation.at_once("distribution")
        from local_aws.services.cloudfront import distributions

        vars(distributions).update(check=_content, item_fault=_content)
        distributions.install(settings)
    if "route53.changes" in off:
        propagation.at_once("zone")
        from local_aws.services.route53 import changes

        vars(changes).update(faults=_content, form_fault=_content)
        changes.install(settings)
