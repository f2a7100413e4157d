"""How long the slow AWS calls take.

AWS needs from some hundred milliseconds to seconds for these; MiniStack answers at once, which would hide both what
writing one at a time costs and the races between a read and the write that follows. Seconds by service and operation;
FLUXION_LATENCY scales them (0: none).
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from local.emulator.gateway import Answer, Call, Proceed

SECONDS = {
    ("cloudfront", "UpdateDistribution"): 0.3,
    ("cloudfront", "CreateInvalidation"): 0.2,
    ("route53", "ChangeResourceRecordSets"): 0.2,
}
_SERVICES = {service for service, _ in SECONDS}
_SCALE = float(os.environ.get("FLUXION_LATENCY", "1"))


async def slow(call: Call, proceed: Proceed) -> Answer:
    """Waits before the effect, as a request that is on its way does."""
    if call.service in _SERVICES and (seconds := SECONDS.get((call.service, call.operation))):
        await asyncio.sleep(seconds * _SCALE)
    return await proceed()
