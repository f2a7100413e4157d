"""Share out threads for what blocks, so that one tenant's locked database does not hold up the others."""

from collections.abc import Callable
from weakref import WeakValueDictionary

import anyio.to_thread
from anyio import CapacityLimiter

_THREADS = 64
_THREADS_PER_TENANT = 8


class Workers:
    """Run functions in threads, a few at a time for each tenant, in one event loop."""

    def __init__(self) -> None:
        self._all = CapacityLimiter(_THREADS)
        self._per_tenant: WeakValueDictionary[str, CapacityLimiter] = WeakValueDictionary()

    async def run[Result](self, tenant_id: str, function: Callable[[], Result]) -> Result:
        """Return the function's result, or raise what it raises."""
        limiter = self._per_tenant.get(tenant_id)
        if limiter is None:
            limiter = self._per_tenant[tenant_id] = CapacityLimiter(_THREADS_PER_TENANT)
        async with limiter:
            return await anyio.to_thread.run_sync(function, limiter=self._all)
