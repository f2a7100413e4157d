"""News for the edge and the name server while the bridges of CloudFront or Route 53 are left out.

Those two bridges check what is written, and tell the data plane about it. Without them there would be no site to visit,
so a comparison with stock MiniStack (tests/mutation/emulator) keeps the telling, and drops the checks. A change is in
effect at once: stock MiniStack knows no propagation.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from local.emulator import state
from local.emulator.state import Settings


def _content(*_: Any) -> None:
    """Finds no fault."""


def install(settings: Settings, off: Collection[str]) -> None:
    """Of the bridges in `off`, install what tells the data plane."""
    if "cloudfront" in off:
        state._delays["distribution"] = 0.0
        from local.emulator.bridges import cloudfront

        vars(cloudfront).update(check=_content, item_fault=_content)
        cloudfront.install(settings)
    if "route53" in off:
        state._delays["zone"] = 0.0
        from local.emulator.bridges import route53

        vars(route53).update(faults=_content, _form_fault=_content)
        route53.install(settings)
