"""What the admin API's routes share: the tables, threads to ask them in, and how many watch."""

import logging
from collections.abc import Callable
from typing import Annotated

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import Path, Request, Response

from backend import admin_events, names
from backend.control_plane import ControlPlane
from backend.names import NameCheck
from backend.problems import UNAVAILABLE
from tenancy.domain import hostnames

logger = logging.getLogger(__name__)

LONGEST_ID = 255
_THREADS = 16

TenantId = Annotated[str, Path(max_length=LONGEST_ID)]


class Desk:
    """One for each application. For one event loop."""

    def __init__(self, control_plane: ControlPlane, rhythm: admin_events.Rhythm | None = None) -> None:
        self.tables = control_plane
        self.looks = admin_events.Looks()
        self.rhythm = rhythm or admin_events.Rhythm()
        self.watchers = 0
        self._threads = CapacityLimiter(_THREADS)

    async def run[Result](self, question: Callable[[], Result]) -> Result:
        """The answer to a question that blocks."""
        return await anyio.to_thread.run_sync(question, limiter=self._threads)

    def host(self, tenant_id: str) -> str:
        """The tenant's host."""
        return hostnames.host_of(tenant_id, self.tables.base_domain)

    def name_check(self, tenant_id: str) -> NameCheck:
        """Whether a new tenant may have a name. Blocks."""
        check = names.by_the_rules(tenant_id, self.host(tenant_id))
        if not check.ok:
            return check
        claim = self.tables.claim(hostnames.skeleton(tenant_id))
        return names.among_others(check, claim, has_item=self.tables.item(tenant_id) is not None)


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def url_of(request: Request, host: str) -> str:
    """Where visitors find a host: the local edge has a port of its own, which the request has come through, too."""
    _, colon, port = request.headers.get("host", "").partition(":")
    return f"https://{host}{colon}{port}/" if port.isdecimal() and port != "443" else f"https://{host}/"


async def for_aws(request: Request, error: Exception) -> Response:
    logger.error("DynamoDB: %s", error)
    return UNAVAILABLE.response()
