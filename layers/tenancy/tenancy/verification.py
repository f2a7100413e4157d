"""VerifyTenant: the site is served, twice in a row, before anybody is told that it is."""

import time
from typing import Any

from tenancy.events import TenantVerified
from tenancy.model import StageCall
from tenancy.probe import SiteProbe
from tenancy.provisioning import Provisioning
from tenancy.run import Run
from tenancy.settings import ProbeSettings

_IN_A_ROW = 2
_PAUSE_SECONDS = 0.2


class Verification:
    """The stage VerifyTenant."""

    def __init__(self, settings: ProbeSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)
        self._probe = SiteProbe(settings)

    def verify(self, call: StageCall) -> dict[str, Any]:
        """Visit the tenant's site. Raises SiteNotReady, which the state tries again with growing pauses."""
        run = Run.of(call, self._provisioning)
        answer = self._probe.visit(call.tenant_id, run.record.host)
        for _ in range(_IN_A_ROW - 1):
            time.sleep(_PAUSE_SECONDS)
            answer = self._probe.visit(call.tenant_id, run.record.host)
        run.finish(
            TenantVerified(stage=call.stage, attempt=run.record.attempt, host=run.record.host, address=answer.address)
        )
        return {"changed": False}
