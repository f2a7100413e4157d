"""VerifyTenant: the site is served, twice in a row, before anybody is told that it is."""

import time
from typing import Any

from tenancy.domain.calls import VerifyCall, VisitSuspendedCall
from tenancy.domain.errors import SiteNotReady
from tenancy.domain.events import TenantVerified
from tenancy.domain.record import TenantRecord
from tenancy.platform import aws
from tenancy.platform.settings import ProbeSettings
from tenancy.tables.provisioning import Provisioning
from tenancy.tables.run import Run
from tenancy.tenant_probe.probe import SiteProbe

IN_A_ROW = 2
PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 2.0  # of the first try; a later one looks once, so that waiting tenants occupy no functions


class Verification:
    """The state VerifyTenant, and visits to suspended sites."""

    def __init__(self, settings: ProbeSettings) -> None:
        self._provisioning = Provisioning(settings.provisioning_table)
        self._probe = SiteProbe(settings)

    def verify(self, call: VerifyCall) -> dict[str, Any]:
        """Visit the tenant's site. Raises SiteNotReady: then the state tries again."""
        run = Run.of(call, self._provisioning)
        until = time.monotonic() + (0 if call.retry else PATIENCE_SECONDS)
        address = self._visit(run.record, until)
        run.finish(TenantVerified(stage=call.stage, attempt=run.record.attempt, host=run.record.host, address=address))
        return {"changed": False}

    def visit_suspended(self, call: VisitSuspendedCall) -> dict[str, Any]:
        """Visit sites that are to be closed. Returns ``{served}``, the hosts that answer as if they were not."""
        answers = aws.at_once(self._probe.is_served, call.hosts)
        return {"served": [host for host, is_served in zip(call.hosts, answers, strict=True) if is_served]}

    def _visit(self, record: TenantRecord, until: float) -> str:
        """Return the address of the last of enough good visits in a row."""
        good = 0
        while True:
            try:
                address = self._probe.visit(record.tenant_id, record.host)
            except SiteNotReady:
                good = 0
                if time.monotonic() > until:
                    raise
            else:
                good += 1
                if good == IN_A_ROW:
                    return address
            time.sleep(PAUSE_SECONDS)
