"""One AWS call and its answer, and what stands between them.

A middleware is `async def middleware(call, proceed) -> Answer`: it looks at the `Call`, and either answers itself
(a fault, a quota, a refusal) or returns `await proceed()`. It sees the whole request before MiniStack does and the
whole answer before the caller does.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from local_aws.gateway import operations

_ERROR_CODE = re.compile(rb'<Code>([^<]+)</Code>|"(?:__type|code|Code)"\s*:\s*"(?:[^"#]*#)?([^"]+)"')


@dataclass
class Call:
    """An AWS request. headers: lower-case names; query: raw; body: complete;
    principal: name of the caller's role or user; client: the sender's (address, port).

    notes: what middlewares want to see in the call's line of the trace.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    principal: str
    client: tuple[str, int] | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def service(self) -> str:
        return operations.service_of(self.headers, self.query)

    @cached_property
    def operation(self) -> str:
        return operations.operation_of(self.service, self.method, self.path, self.query, self.headers, self.body)


@dataclass
class Answer:
    """An AWS response. headers: as ASGI's pairs of bytes. unsent: the connection is cut instead of sending it.

    status 0: the request had no effect and no answer.
    """

    status: int
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    unsent: bool = False

    @property
    def error(self) -> str | None:
        """Return AWS's error code, None if there is none."""
        if self.status < 400:
            return None
        found = _ERROR_CODE.search(self.body)
        return (found[1] or found[2]).decode() if found else None


Proceed = Callable[[], Awaitable[Answer]]
Middleware = Callable[[Call, Proceed], Awaitable[Answer]]
