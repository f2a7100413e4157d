"""Give the admin API's routes the tables, threads to ask them in, and the number of those who watch."""

import logging
from collections.abc import Callable
from typing import Annotated

import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import Depends, Path, Request, Response

from backend.admin.events import Looks, Rhythm
from backend.problems import UNAVAILABLE
from control.tables import ControlPlane
from tenancy.domain import hostnames

logger = logging.getLogger(__name__)

LONGEST_ID = 255
_THREADS = 16

TenantId = Annotated[str, Path(max_length=LONGEST_ID)]


class Dependencies:
    """Hold what the routes of one application share, in one event loop."""

    def __init__(self, tables: ControlPlane, base_domain: str, looks: Looks, rhythm: Rhythm) -> None:
        self.tables = tables
        self.base_domain = base_domain
        self.looks = looks
        self.rhythm = rhythm
        self.watchers = 0
        self._threads = CapacityLimiter(_THREADS)

    async def run[Result](self, question: Callable[[], Result]) -> Result:
        """Return the answer to a question that blocks, or raise what it raises."""
        return await anyio.to_thread.run_sync(question, limiter=self._threads)

    def host(self, tenant_id: str) -> str:
        """Return the tenant's host."""
        return hostnames.host_of(tenant_id, self.base_domain)


def _of_the_application(request: Request) -> Dependencies:
    found: Dependencies = request.app.state.dependencies
    return found


Given = Annotated[Dependencies, Depends(_of_the_application)]


def url_of(request: Request, host: str) -> str:
    """Return where visitors find a host: the local edge has a port of its own, which the request has come through."""
    _, colon, port = request.headers.get("host", "").partition(":")
    return f"https://{host}{colon}{port}/" if port.isdecimal() and port != "443" else f"https://{host}/"


async def answer_for_aws(request: Request, error: Exception) -> Response:
    """Return 503 for an error of DynamoDB."""
    logger.error("DynamoDB: %s", error)
    return UNAVAILABLE.response()
